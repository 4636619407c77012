"""Frames of videos and cameras."""

import io
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.dataset.test_videos import make_video

from coral_learn.jobs.watch import camera as camera_module
from coral_learn.jobs.watch.camera import CameraSource, VideoSource
from coral_learn.jobs.watch.frames import CameraError, camera_address
from coral_learn.jobs.watch.picture import Notice, Picture
from coral_learn.jobs.watch.sources import open_source

pytestmark = pytest.mark.slow_when_emulated


def encode_bare(clip: Path, path: Path) -> None:
    """Writes the frames of a video without a container, which would know their times."""
    import av

    codec = {".h264": "h264", ".mjpeg": "mjpeg"}[path.suffix]
    if codec not in av.codec.codecs_available:
        pytest.skip(f"PyAV has no {codec} here")
    with av.open(str(clip)) as video, av.open(str(path), "w", format=codec) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for frame in video.decode(video=0):
            picture = av.VideoFrame.from_image(frame.to_image())
            output.mux(stream.encode(picture))
        output.mux(stream.encode())


def frames(path: Path, every: float) -> list[Picture]:
    with closing(open_source(str(path), every=every, existing=False)) as source:
        assert isinstance(source, VideoSource)
        found = list(source.pictures())
    assert all(isinstance(each, Picture) for each in found)
    return [each for each in found if isinstance(each, Picture)]


@pytest.mark.parametrize(
    ("every", "numbers"), [(1, [0, 10, 20, 30]), (2.5, [0, 25]), (0, [*range(40)])]
)
def test_a_video_gives_frames_some_seconds_apart(
    tmp_path: Path, every: float, numbers: list[int]
) -> None:
    make_video(tmp_path / "clip.mp4", 4)
    found = frames(tmp_path / "clip.mp4", every)
    assert [each.origin["frame"] for each in found] == numbers
    assert {each.origin["source"] for each in found} == {str(tmp_path / "clip.mp4")}
    assert isinstance(found[0].image, Image.Image)
    assert found[0].image.size == (64, 48)
    assert found[0].time.utcoffset() is not None


def test_a_damaged_video_is_named(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra coral-learn[video] is not installed")
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    with pytest.raises(CameraError, match=r"clip\.mp4: Invalid data"):
        open_source(str(tmp_path / "clip.mp4"), every=1, existing=False)


def test_without_the_extra_the_command_to_install_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clip.mp4").touch()
    monkeypatch.setattr("coral_learn.jobs.watch.frames.find_spec", lambda name: None)
    with pytest.raises(CameraError, match=r"pip install 'coral-learn\[video\]'"):
        open_source(str(tmp_path / "clip.mp4"), every=1, existing=False)


def test_what_is_no_source_is_named_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no folder, video or camera nothing: give a fol"):
        open_source("nothing", every=1, existing=False)
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ValueError, match=r"a\.jpg is a photo.*coral-learn classify"):
        open_source(str(tmp_path / "a.jpg"), every=1, existing=False)


@pytest.mark.parametrize(
    ("format_", "name"),
    [("JPEG", "x.html"), ("PNG", "clip.mp4"), ("GIF", "x"), ("WEBP", "x.bin"), ("BMP", "0.dat")],
)
def test_a_photo_with_another_suffix_is_refused(tmp_path: Path, format_: str, name: str) -> None:
    pytest.importorskip("av", reason="the extra coral-learn[video] is not installed")
    Image.new("RGB", (64, 48), "red").save(tmp_path / name, format_)
    for source in (str(tmp_path / name), f"file://{tmp_path / name}"):
        with pytest.raises(ValueError, match=r"is a photo.*coral-learn classify"):
            open_source(source, every=1, existing=False)


@pytest.mark.parametrize("suffix", ["mjpeg", "h264"])
def test_a_file_without_a_duration_is_a_video_that_ends(tmp_path: Path, suffix: str) -> None:
    make_video(tmp_path / "clip.mp4", 2)
    path = tmp_path / f"clip.{suffix}"
    encode_bare(tmp_path / "clip.mp4", path)
    with closing(open_source(str(path), every=0.5, existing=False)) as source:
        assert isinstance(source, VideoSource)
        assert len(list(source.pictures())) == 2  # 20 frames, taken for 25 a second


def test_a_url_may_be_longer_than_the_name_of_a_file() -> None:
    pytest.importorskip("av", reason="the extra coral-learn[video] is not installed")
    with pytest.raises(CameraError, match=r"^http://127\.0\.0\.1:9/video: "):
        open_source(f"http://127.0.0.1:9/video?{'a' * 300}", every=1, existing=False)


def test_a_camera_that_is_not_there_is_named() -> None:
    pytest.importorskip("av", reason="the extra coral-learn[video] is not installed")
    with pytest.raises(CameraError, match=r"^camera 97: "):
        open_source("97", every=1, existing=False)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://me:secret@10.0.0.7:554/stream", "rtsp://10.0.0.7:554/stream"),
        ("rtsp://admin:pa/ss@10.0.0.2/s", "rtsp://10.0.0.2/s"),
        ("rtsp://admin:p@a/s:s@[fe80::1]:554/s?key=secret", "rtsp://[fe80::1]:554/s"),
        ("rtsp://admin:pa#ss@10.0.0.2/s", "rtsp://..."),
        ("rtsp://admin:pa?ss@10.0.0.2/s", "rtsp://..."),
        ("http://cam/video?user=me@home&password=secret", "http://..."),
        ("rtsp://me:secret@[bad/s", "rtsp://[bad/s"),
        ("rtsp://cam/s#secret", "rtsp://cam/s"),
        ("http://cam/video?user=me&password=secret", "http://cam/video"),
        ("rtsp://[::1]/a", "rtsp://[::1]/a"),
        ("clip.mp4", "clip.mp4"),
    ],
)
def test_passwords_in_an_address_are_not_shown(source: str, shown: str) -> None:
    assert camera_address(source).shown == shown


def test_an_error_does_not_show_the_password() -> None:
    pytest.importorskip("av", reason="the extra coral-learn[video] is not installed")
    with pytest.raises(CameraError) as caught:
        open_source("http://me:secret@127.0.0.1:9/video?key=secret", every=1, existing=False)
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


@contextmanager
def network_camera(connections: Callable[[int], int | None]) -> Iterator[str]:
    """Serves a camera's stream of JPEG pictures on loopback.

    Args:
        connections: Returns how many pictures to send on each connection, of which it gets the
            number; None for pictures until the client has gone.
    """
    count = itertools.count()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            most = connections(next(count))
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            pause = threading.Event()
            for number in itertools.count() if most is None else range(most):
                file = io.BytesIO()
                picture = np.full((48, 64, 3), number * 40 % 256, np.uint8)
                Image.fromarray(picture).save(file, "JPEG")
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {file.tell()}\r\n"
                try:
                    self.wfile.write(f"{head}\r\n".encode() + file.getvalue() + b"\r\n")
                except OSError:
                    return
                pause.wait(0.02)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://me:secret@127.0.0.1:{server.server_port}/video"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_camera_in_the_network_gives_its_newest_frames() -> None:
    pytest.importorskip("av", reason="the extra coral-learn[video] is not installed")
    with (
        network_camera(lambda _: None) as url,
        closing(open_source(url, every=0.2, existing=False)) as source,
    ):
        assert isinstance(source, CameraSource)
        found = list(itertools.islice(source.pictures(), 4))
    numbers = [int(each.origin["frame"]) for each in found if isinstance(each, Picture)]
    assert len(numbers) == 4
    assert all(later - earlier > 1 for earlier, later in itertools.pairwise(numbers))
    assert "secret" not in str([each.origin for each in found if isinstance(each, Picture)])


def test_a_camera_that_is_lost_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av", reason="the extra coral-learn[video] is not installed")
    monkeypatch.setattr(camera_module, "_MIN_WAIT", 0.01)
    with (
        network_camera(lambda number: 150 if number == 0 else 0 if number < 3 else None) as url,
        closing(open_source(url, every=0, existing=False)) as source,
    ):
        items = source.pictures()
        notices: list[str] = []
        while len(notices) < 2:
            item = next(items)
            if isinstance(item, Notice):
                notices.append(item.text)
        assert isinstance(next(items), Picture)
    lost, back = notices
    assert "trying again until it is back" in lost
    assert back.endswith("the camera is back")
    assert "secret" not in lost + back
