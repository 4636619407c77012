"""The frames of a video or a camera, read with PyAV."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from ...dataset.videos import INSTALL_VIDEO

if TYPE_CHECKING:  # an extra
    from av import VideoFrame
    from av.container import InputContainer

_TIMEOUT = 10.0  # seconds without an answer of a camera in a network
_LIVE_SCHEMES = frozenset({"rtmp", "rtmps", "rtp", "rtsp", "rtsps", "srt", "tcp", "udp"})


_CAMERAS = {"linux": ("/dev/video", "v4l2"), "darwin": ("", "avfoundation")}


class CameraError(ValueError):
    """A camera or a video cannot be read."""


class CameraAddress(NamedTuple):
    """Where the frames are.

    Attributes:
        url: What PyAV opens.
        format: The name of the format, or None to recognize it.
        shown: The address without passwords, to print.
    """

    url: str
    format: str | None
    shown: str


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
    scheme = urlsplit(address.url).scheme.lower()
    return address.format is not None or scheme in _LIVE_SCHEMES or not container.duration


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
    return str(reason)


def _without_secrets(source: str) -> str:
    """Returns a URL without its password, and without its query, which often has one."""
    parts = urlsplit(source)
    if not parts.scheme or not parts.netloc:
        return source
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, user.partition(":")[0] + at + host, parts.path, "", ""))
