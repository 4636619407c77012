"""Finding out what a source is: a folder, a video or a camera."""

from __future__ import annotations

import os
from pathlib import Path

from ...dataset.suffixes import PHOTO_SUFFIXES
from .camera import CameraSource, VideoSource
from .folder import FolderSource
from .frames import CameraError, camera_address, is_live, is_photo, open_frames
from .pi_camera import PiCameraSource, has_pi_camera, pi_camera_number
from .picture import PictureSource


def is_folder(source: str) -> bool:
    """Tells whether a source is a folder, and not a video or a camera."""
    # Path.is_dir raises an error for a URL that is longer than the name of a file.
    return os.path.isdir(source)  # noqa: PTH112


def open_source(source: str, *, every: float, existing: bool) -> PictureSource:
    """Opens a folder, a video or a camera.

    Args:
        source: The path of a folder or a video, the number or the device of a camera, its URL, or
            ``picamera2`` for the camera at the ribbon cable of a Raspberry Pi.
        every: Seconds from one frame to the next one; not for folders.
        existing: Whether to give the pictures that are in the folder already.

    Raises:
        ValueError: The folder, the video or the camera cannot be read.
    """
    path = Path(source)
    if is_folder(source):
        return FolderSource(path, existing=existing)
    pi_camera = pi_camera_number(source)
    if pi_camera is not None:
        return PiCameraSource(pi_camera, every)
    is_camera = source.isdecimal() or "://" in source
    if not is_camera and not os.path.exists(source):  # noqa: PTH110
        raise ValueError(
            f"there is no folder, video or camera {source}: give a folder, a video, the number of "
            "a camera (0), its device (/dev/video0), its URL (rtsp://, http://), or picamera2"
        )
    if path.suffix.lower() in PHOTO_SUFFIXES and not is_camera:
        raise ValueError(_is_a_photo(source))
    address = camera_address(source)
    try:
        container = open_frames(address)
    except CameraError:
        if source.isdecimal() and has_pi_camera(int(source)):  # V4L2 has nothing of it
            return PiCameraSource(int(source), every)
        raise
    if address.is_file and is_photo(container):
        container.close()
        raise ValueError(_is_a_photo(source))
    if is_live(address, container):
        return CameraSource(address, container, every)
    return VideoSource(address, container, every)


def _is_a_photo(source: str) -> str:
    return f"{source} is a photo, not a folder: use `coral-learn classify`"
