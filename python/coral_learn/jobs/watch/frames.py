"""The frames of a video or a camera, read with PyAV."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from ...dataset.videos import INSTALL_VIDEO

if TYPE_CHECKING:  # an extra
    from av import VideoFrame
    from av.container import InputContainer

_TIMEOUT = 10.0  # seconds without an answer of a camera in a network
_LIVE_SCHEMES = frozenset({"rtmp", "rtmps", "rtp", "rtsp", "rtsps", "srt", "tcp", "udp"})
# Formats of FFmpeg whose names do not end in "_pipe", and what HEIC and AVIF say in that of MP4.
_PHOTO_FORMATS = frozenset({"apng", "gif"})
_PHOTO_BRANDS = frozenset({"avif", "heic", "heix", "mif1"})
_QUERY = re.compile("[?#]")
_CAMERAS = {"linux": ("/dev/video", "v4l2"), "darwin": ("", "avfoundation")}


class CameraError(ValueError):
    """A camera or a video cannot be read."""


class CameraAddress(NamedTuple):
    """Where the frames are.

    Attributes:
        url: What PyAV opens.
        format: The name of the format, or None to recognize it.
        shown: The address without users and passwords, to print.
    """

    url: str
    format: str | None
    shown: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, and no device, pipe or address in a network."""
        path = self.url.removeprefix("file:")
        # Path.is_file raises an error for a URL that is longer than the name of a file.
        return self.format is None and os.path.isfile(path)  # noqa: PTH113


def camera_address(source: str) -> CameraAddress:
    """Returns the address of a camera by its number, of a device, a URL or a video.

    Raises:
        CameraError: Cameras have no numbers on this system.
    """
    if source.isdecimal():
        prefix, format_ = _CAMERAS.get(sys.platform, ("", None))
        if format_ is None:
            raise CameraError(f"camera {source}: give the URL of the camera (rtsp://, http://)")
        return CameraAddress(prefix + source, format_, f"camera {source}")
    if source.startswith("/dev/"):
        return CameraAddress(source, "v4l2", source)
    return CameraAddress(source, None, _without_secrets(source))


def open_frames(address: CameraAddress) -> InputContainer:
    """Opens a camera or a video.

    Raises:
        CameraError: PyAV is not installed, or the camera or video cannot be read.
    """
    if find_spec("av") is None:
        raise CameraError(
            f"{address.shown}: cameras and videos need another package: {INSTALL_VIDEO}"
        )
    import av
    from av.error import FFmpegError

    options = {"rtsp_transport": "tcp"} if address.url.startswith("rtsp") else {}
    try:
        container: InputContainer = av.open(
            address.url, format=address.format, options=options, timeout=(_TIMEOUT, _TIMEOUT)
        )
    except (FFmpegError, OSError) as error:
        raise CameraError(f"{address.shown}: {_reason(error)}") from None  # it names the URL
    if not container.streams.video:
        container.close()
        raise CameraError(f"{address.shown}: it has no pictures")
    return container


def is_live(address: CameraAddress, container: InputContainer) -> bool:
    """Tells whether frames come for as long as the camera is on; a video ends."""
    if address.is_file:
        return False
    scheme = address.url.partition("://")[0].lower()
    return address.format is not None or scheme in _LIVE_SCHEMES or not container.duration


def is_photo(container: InputContainer) -> bool:
    """Tells by its content whether an open file is a photo."""
    format_ = container.format.name
    brand = container.metadata.get("major_brand")
    return format_.endswith("_pipe") or format_ in _PHOTO_FORMATS or brand in _PHOTO_BRANDS


def frames_of(address: CameraAddress, container: InputContainer) -> Iterator[VideoFrame]:
    """Yields all frames, until the video ends.

    Raises:
        CameraError: The video is damaged, or the camera was lost.
    """
    from av.error import FFmpegError

    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    try:
        yield from container.decode(stream)
    except (FFmpegError, OSError) as error:
        raise CameraError(f"{address.shown}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or "it cannot be read"
    if reason == "Immediate exit requested":
        return f"no answer in {_TIMEOUT:.0f} seconds"
    if isinstance(error, FileNotFoundError):
        return "there is no such camera or video: connect it, or correct its number or path"
    return str(reason)


def _without_secrets(source: str) -> str:
    """Returns a URL without user and password, and without its query, which often has one.

    Passwords in URLs are often not escaped, so any character may be a part of one.
    """
    scheme, mark, rest = source.partition("://")
    if not mark or scheme.lower() == "file":
        return source
    secret, _, public = rest.rpartition("@")
    if _QUERY.search(secret):  # it may be a password with a question mark, or a query with an at
        return f"{scheme}://..."
    return f"{scheme}://{_QUERY.split(public)[0]}"
