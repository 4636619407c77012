"""The camera at the ribbon cable of a Raspberry Pi, here a module that looks like picamera2."""

import importlib.machinery
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from coral_learn.jobs.watch.frames import CameraError
from coral_learn.jobs.watch.pi_camera import PiCameraSource, pi_camera_number
from coral_learn.jobs.watch.picture import Picture
from coral_learn.jobs.watch.sources import open_source

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


class FakeCamera:
    """As picamera2.Picamera2 is: frames come between start and close."""

    opened: "list[FakeCamera]"

    def __init__(self, camera_num: int = 0) -> None:
        self.info = self.global_camera_info()[camera_num]
        self.state = "open"
        self.opened.append(self)

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [{"Model": "imx708", "Num": 0}]

    def create_video_configuration(self, main: dict[str, Any]) -> dict[str, Any]:
        return {"main": {"format": "XBGR8888"} | main}

    def configure(self, camera_config: dict[str, Any]) -> None:
        self.size = camera_config["main"]["size"]

    def start(self) -> None:
        self.state = "started"

    def capture_image(self, name: str = "main") -> Image.Image:
        assert (self.state, name) == ("started", "main")
        return Image.new("RGBA", self.size, "teal")

    def close(self) -> None:
        self.state = "closed"


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> list[FakeCamera]:
    """Installs the module; returns the cameras that are opened."""
    module = ModuleType("picamera2")
    module.__spec__ = importlib.machinery.ModuleSpec("picamera2", None)
    module.Picamera2 = FakeCamera  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    monkeypatch.setattr(FakeCamera, "opened", [], raising=False)
    return FakeCamera.opened


def test_frames_come_until_it_is_closed(cameras: list[FakeCamera]) -> None:
    source = open_source("picamera2", every=0, existing=False)
    assert isinstance(source, PiCameraSource)
    pictures = source.pictures()
    for number in range(3):
        picture = next(pictures)
        assert isinstance(picture, Picture)
        assert isinstance(picture.image, Image.Image)
        assert picture.image.size == (1280, 960)
        assert picture.origin == {"source": "picamera2:0", "frame": number}
        assert not source.will_come_again(picture)
    source.close()
    assert list(pictures) == []
    assert [camera.state for camera in cameras] == ["closed"]


def test_it_can_be_closed_from_another_thread(cameras: list[FakeCamera]) -> None:
    source = PiCameraSource(0, every=0.01)
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.extend(source.pictures()))
    thread.start()
    while not seen:
        pass
    source.close()
    thread.join(10)
    assert not thread.is_alive()


def test_a_lost_camera_is_told(cameras: list[FakeCamera], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(camera: FakeCamera, name: str) -> Image.Image:
        raise RuntimeError("Camera frontend has timed out!")

    source = PiCameraSource(0, every=0)
    monkeypatch.setattr(FakeCamera, "capture_image", fail)
    with pytest.raises(CameraError, match="picamera2:0: Camera frontend has timed out!"):
        next(source.pictures())
    source.close()


def test_a_number_that_v4l2_has_no_camera_for(cameras: list[FakeCamera]) -> None:
    if Path("/dev/video0").exists():
        pytest.skip("this machine has a camera")
    source = open_source("0", every=0, existing=False)
    assert isinstance(source, PiCameraSource)
    source.close()
    with pytest.raises(CameraError, match="camera 1: "):
        open_source("1", every=0, existing=False)


def test_what_is_missing_is_said(
    cameras: list[FakeCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CameraError, match="picamera2:7: there is no such camera"):
        open_source("picamera2:7", every=0, existing=False)
    monkeypatch.delitem(sys.modules, "picamera2")
    with pytest.raises(CameraError, match=r"is not installed: sudo apt install python3-picamera2"):
        open_source("picamera2", every=0, existing=False)


@pytest.mark.parametrize(
    ("source", "number"),
    [("picamera2", 0), ("picamera2:1", 1), ("picamera2:x", None), ("0", None), ("rtsp://x", None)],
)
def test_its_name(source: str, number: int | None) -> None:
    assert pi_camera_number(source) == number
