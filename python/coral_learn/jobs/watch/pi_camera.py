"""The camera at the ribbon cable of a Raspberry Pi, of which V4L2 gives raw data only.

What is used of picamera2 is in chapters 4 (configuring) and 6 (capturing) of its manual,
https://datasheets.raspberrypi.com/camera/picamera2-manual.pdf
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .frames import CameraError
from .picture import Notice, Picture, now

if TYPE_CHECKING:
    from PIL import Image

_SCHEME = "picamera2"
_SIZE = (1280, 960)
_INSTALL = (
    "sudo apt install python3-picamera2, and make the environment with python3 -m venv "
    "--system-site-packages"
)


def pi_camera_number(source: str) -> int | None:
    """Returns the number in ``picamera2`` or ``picamera2:1``; None for another source."""
    name, _, number = source.partition(":")
    if name != _SCHEME or not (number or "0").isdecimal():
        return None
    return int(number or "0")


def has_pi_camera(number: int) -> bool:
    """Tells whether picamera2 is installed and finds a camera of this number."""
    if find_spec(_SCHEME) is None:
        return False
    try:
        from picamera2 import Picamera2

        return number < len(Picamera2.global_camera_info())
    except Exception:  # libcamera is older or newer than it expects
        return False


class PiCameraSource:
    """The newest frame of the camera, each time that some seconds have passed."""

    def __init__(self, number: int, every: float) -> None:
        """Opens and starts the camera.

        Args:
            number: The number of the camera, as ``rpicam-hello --list-cameras`` prints it.
            every: Seconds from one frame to the next one.

        Raises:
            CameraError: picamera2 is not installed, or there is no such camera.
        """
        self._shown = f"{_SCHEME}:{number}"
        self._every = every
        self._stopped = threading.Event()
        self._in_use = threading.Lock()
        self._camera = self._open(number)

    def pictures(self) -> Iterator[Picture | Notice]:
        """Yields frames until the source is closed.

        Raises:
            CameraError: The camera was lost.
        """
        number = 0
        while not self._stopped.is_set():
            start = time.monotonic()
            image = self._capture()
            if image is None:
                return
            yield Picture(image, {"source": self._shown, "frame": number}, now())
            number += 1
            self._stopped.wait(max(0.0, start + self._every - time.monotonic()))

    def will_come_again(self, picture: Picture) -> bool:
        """Tells that no frame comes again."""
        return False

    def close(self) -> None:
        """Stops the camera, after the frame that is being taken."""
        self._stopped.set()
        with self._in_use:
            self._camera.close()

    def _open(self, number: int) -> Any:
        if find_spec(_SCHEME) is None:
            raise CameraError(f"{self._shown}: picamera2 is not installed: {_INSTALL}")
        try:
            from picamera2 import Picamera2

            camera = Picamera2(number)
            camera.configure(camera.create_video_configuration(main={"size": _SIZE}))
            camera.start()
        except IndexError:
            raise CameraError(f"{self._shown}: there is no such camera") from None
        except Exception as error:  # libcamera raises many types
            raise CameraError(f"{self._shown}: {error}") from error
        return camera

    def _capture(self) -> Image.Image | None:
        """Returns the next frame; None if the camera is closed."""
        with self._in_use:
            if self._stopped.is_set():
                return None
            try:
                image: Image.Image = self._camera.capture_image("main")
            except Exception as error:  # libcamera raises many types
                raise CameraError(f"{self._shown}: {error}") from error
        return image
