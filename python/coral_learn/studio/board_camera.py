"""The camera of the machine that the studio runs on, which all pages may look through."""

import asyncio
import io
import threading
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from PIL import Image

from ..jobs.watch.camera import CameraSource, VideoSource
from ..jobs.watch.frames import camera_address
from ..jobs.watch.pi_camera import PiCameraSource
from ..jobs.watch.picture import Notice
from ..jobs.watch.sources import open_source

_SECONDS = 0.05  # between two frames, at least
_SIZE = (640, 640)
_STOP_SECONDS = 3.0


class BoardCamera:
    """A camera whose frames go to everybody who looks; a video starts again at its end.

    Attributes:
        name: The camera as it is shown, without passwords.
    """

    def __init__(self, source: str) -> None:
        """Opens the camera.

        Args:
            source: The number or the device of a camera, its URL, the path of a video, or
                ``picamera2``.

        Raises:
            ValueError: It cannot be read.
        """
        if Path(source).is_dir():
            raise ValueError(f"{source} is a folder, not a camera: give --camera a number or a URL")
        self.name = camera_address(source).shown
        self._address = source
        self._source = open_source(source, every=_SECONDS, existing=False)
        self._frame = b""
        self._viewers = 0
        self._stopped = threading.Event()
        self._came: asyncio.Event | None = None
        self._reader: threading.Thread | None = None

    def start(self, tell: Callable[[str], None]) -> None:
        """Starts to read.

        Args:
            tell: Called in the event loop with what happens to the camera.
        """
        self._came = asyncio.Event()
        arguments = asyncio.get_running_loop(), tell
        self._reader = threading.Thread(target=self._read, args=arguments, daemon=True)
        self._reader.start()

    def release(self) -> None:
        """Ends what everybody looks at, from the event loop."""
        came, self._came = self._came, None
        if came is not None:
            came.set()

    def stop(self) -> None:
        """Stops reading, and closes the camera."""
        self._stopped.set()
        if isinstance(self._source, CameraSource | PiCameraSource):
            self._source.close()  # which ends its pictures
        if self._reader is not None:
            self._reader.join(_STOP_SECONDS)

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yields frames as JPEG of at most 640 pixels, always the newest one."""
        self._viewers += 1
        try:
            while self._came is not None:
                await self._came.wait()
                if self._came is not None:
                    yield self._frame
        finally:
            self._viewers -= 1

    def _read(self, loop: asyncio.AbstractEventLoop, tell: Callable[[str], None]) -> None:
        try:
            while not self._stopped.is_set():
                self._pass_on(loop, tell)
                if not isinstance(self._source, VideoSource) or self._stopped.is_set():
                    return
                self._source = open_source(self._address, every=_SECONDS, existing=False)
        except ValueError as error:
            if not self._stopped.is_set():
                loop.call_soon_threadsafe(tell, str(error))

    def _pass_on(self, loop: asyncio.AbstractEventLoop, tell: Callable[[str], None]) -> None:
        """Passes on what the source gives, until it ends."""
        for given in self._source.pictures():
            if self._stopped.is_set():
                break
            if isinstance(given, Notice):
                loop.call_soon_threadsafe(tell, given.text)
            elif self._viewers and isinstance(given.image, Image.Image):
                loop.call_soon_threadsafe(self._show, _jpeg(given.image))
            if isinstance(self._source, VideoSource):
                time.sleep(_SECONDS)  # a video is there all at once
        if isinstance(self._source, VideoSource):
            self._source.close()

    def _show(self, frame: bytes) -> None:
        """Hands a frame to everybody who waits for one."""
        if self._came is not None:  # it was not released
            came, self._came = self._came, asyncio.Event()
            self._frame = frame
            came.set()


def _jpeg(image: Image.Image) -> bytes:
    image = image.convert("RGB")
    image.thumbnail(_SIZE)
    content = io.BytesIO()
    image.save(content, "JPEG", quality=90)
    return content.getvalue()
