"""Sources of frames: a video, which ends, and a camera, of which the newest frame counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...dataset.videos import upright_image
from .frames import CameraAddress, CameraError, frames_of, open_frames
from .picture import Notice, Picture, now

if TYPE_CHECKING:  # an extra
    from av import VideoFrame
    from av.container import InputContainer

_MIN_WAIT, _MAX_WAIT = 1.0, 60.0  # seconds until a lost camera is tried again
_STOP_SECONDS = 2.0
_USUAL_RATE = 25.0  # frames in a second
_LONGEST_WAIT = 1.0  # in one go, because Windows cannot interrupt it by Ctrl-C


class VideoSource:
    """Frames of a video, as many seconds of the video apart as is wished."""

    def __init__(self, address: CameraAddress, container: InputContainer, every: float) -> None:
        """Takes over an open video."""
        self._address = address
        self._container = container
        self._every = every

    def pictures(self) -> Iterator[Picture | Notice]:
        """Yields the frames until the video ends.

        Raises:
            CameraError: The video is damaged.
        """
        due = None
        rate = float(self._container.streams.video[0].average_rate or _USUAL_RATE)
        for number, frame in enumerate(frames_of(self._address, self._container)):
            # A bare H.264 stream has no times.
            seconds = number / rate if frame.time is None else frame.time
            due = seconds if due is None else due
            if seconds >= due:
                due += self._every
                yield _picture(self._address, frame, number)

    def will_come_again(self, picture: Picture) -> bool:
        """Tells that no frame comes again."""
        return False

    def close(self) -> None:
        """Closes the video."""
        self._container.close()


class CameraSource:
    """The newest frame of a camera, each time that some seconds have passed.

    A thread reads all frames, so that the one that is given is never old. A camera that is lost is
    tried again, first after a second and then less and less often, down to once a minute.
    """

    def __init__(self, address: CameraAddress, container: InputContainer, every: float) -> None:
        """Takes over an open camera, and starts to read it."""
        self._address = address
        self._every = every
        self._changed = threading.Condition()
        self._newest: tuple[int, VideoFrame] | None = None
        self._notices: list[Notice] = []
        self._stopped = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(container,), daemon=True)
        self._reader.start()

    def pictures(self) -> Iterator[Picture | Notice]:
        """Yields frames until the source is closed, and what happened to the camera."""
        while not self._stopped.is_set():
            start = time.monotonic()
            with self._changed:
                self._changed.wait_for(lambda: self._newest or self._notices, _LONGEST_WAIT)
                newest, self._newest = self._newest, None
                notices, self._notices = self._notices, []
            yield from notices
            if newest is not None:
                number, frame = newest
                yield _picture(self._address, frame, number)
                time.sleep(max(0.0, start + self._every - time.monotonic()))
                with self._changed:
                    self._newest = None  # it may be as old as the pause is long

    def will_come_again(self, picture: Picture) -> bool:
        """Tells that no frame comes again."""
        return False

    def close(self) -> None:
        """Stops reading; a camera that does not answer is left to the end of the process."""
        self._stopped.set()
        self._reader.join(_STOP_SECONDS)

    def _read(self, container: InputContainer | None) -> None:
        number, wait, is_lost = 0, _MIN_WAIT, False
        while not self._stopped.is_set():
            try:
                with container or open_frames(self._address) as opened:
                    for frame in frames_of(self._address, opened):
                        if is_lost:
                            self._tell(f"{self._address.shown}: the camera is back")
                        wait, is_lost = _MIN_WAIT, False
                        with self._changed:
                            self._newest = number, frame
                            self._changed.notify()
                        number += 1
                        if self._stopped.is_set():
                            return
                reason = f"{self._address.shown}: the camera sends no more pictures"
            except CameraError as error:
                reason = str(error)
            container = None
            if not is_lost:
                self._tell(f"{reason}: trying again until it is back")
            is_lost = True
            self._stopped.wait(wait)
            wait = min(2 * wait, _MAX_WAIT)

    def _tell(self, text: str) -> None:
        with self._changed:
            self._notices.append(Notice(text))
            self._changed.notify()


def _picture(address: CameraAddress, frame: VideoFrame, number: int) -> Picture:
    return Picture(upright_image(frame), {"source": address.shown, "frame": number}, now())
