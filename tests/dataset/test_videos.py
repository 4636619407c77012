"""Videos in class folders."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.photo_files import make_files

from coral_learn.dataset import ImageFolder, split_by_class, videos


def make_video(path: Path, seconds: float, *, rate: int = 10, moving: bool = True) -> None:
    """Makes a video whose picture changes every second."""
    av: Any = pytest.importorskip("av", reason="the extra coral-learn[video] is not installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(round(seconds * rate)):
            picture = np.full((48, 64, 3), 128, np.uint8)
            if moving:
                second = number // rate
                picture[:, : second % 8 * 8] = second * 5 % 256
                picture[second % 48] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi", ".mkv", ".MP4"])
def test_about_a_frame_a_second_is_a_photo(tmp_path: Path, suffix: str) -> None:
    make_video(tmp_path / "a" / f"clip{suffix}", 6)
    make_files(tmp_path, "b/1.jpg", "a/1.jpg")
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["a", "b"]
    assert folder.notes == ["6 frames of 1 video are used as photos"]
    assert sorted(folder.names) == [
        "a/1.jpg",
        *(f"a/clip{suffix}/{number:02}.jpg" for number in range(1, 7)),
        "b/1.jpg",
    ]
    frame = folder.paths[folder.names.index(f"a/clip{suffix}/03.jpg")]
    with Image.open(frame) as image:
        assert image.size == (64, 48)


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize("seconds", [40, 200])
def test_a_long_video_gives_at_most_30_frames(tmp_path: Path, seconds: int) -> None:
    make_video(tmp_path / "a" / "long.mp4", seconds, rate=2)
    assert 25 <= len(ImageFolder(tmp_path)) <= 30


def test_frames_that_look_the_same_count_once(tmp_path: Path) -> None:
    make_video(tmp_path / "a" / "still.mp4", 5, moving=False)
    assert len(ImageFolder(tmp_path)) == 1


def test_frames_of_a_video_are_on_one_side_of_a_split(tmp_path: Path) -> None:
    for number in range(5):
        make_video(tmp_path / "a" / f"{number}.mp4", 4)
    make_files(tmp_path, *(f"b/{number}.jpg" for number in range(10)))
    folder = ImageFolder(tmp_path)
    assert folder.groups is not None
    split = split_by_class(folder.labels, 0.2, 0.2, 0, folder.groups)
    sides = [
        {folder.names[row].rsplit("/", 1)[0] for row in rows if folder.labels[row] == 0}
        for rows in (split.train, split.validation, split.test)
    ]
    assert sorted(map(len, sides)) == [1, 1, 3]
    assert len(set.union(*sides)) == 5


def test_videos_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    make_video(tmp_path / "a" / "1.mp4", 2)
    make_files(tmp_path, "a/bad.mp4")
    folder = ImageFolder(tmp_path)
    assert len(folder) == 2
    assert f"ignored 1 video that cannot be read: {tmp_path}/a/bad.mp4: " in folder.notes[1]
    (tmp_path / "a/1.mp4").unlink()
    with pytest.raises(ValueError, match=r"class 'a' has no photos but videos\. Replace them \("):
        ImageFolder(tmp_path)


def test_without_the_extra_videos_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(videos, "find_spec", lambda name: None)
    folder = ImageFolder(make_files(tmp_path, "a/1.jpg", "a/2.mp4", "b/1.jpg", "b/3.MOV"))
    assert len(folder) == 2
    assert folder.notes == ["ignored 2 videos; to use videos: pip install 'coral-learn[video]'"]
    (tmp_path / "a/1.jpg").unlink()
    with pytest.raises(ValueError, match=r"no photos but videos\. To use these: pip install"):
        ImageFolder(tmp_path)


def test_a_video_in_an_archive(tmp_path: Path) -> None:
    make_video(tmp_path / "1.mp4", 2)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "1.mp4", "a/1.mp4")
        archive.writestr("b/1.jpg", "1")
        archive.writestr("b/bad.mp4", "no video")
    folder = ImageFolder(tmp_path / "a.zip")
    assert folder.names == ["a/1.mp4/01.jpg", "a/1.mp4/02.jpg", "b/1.jpg"]
    assert f"{tmp_path}/a.zip/b/bad.mp4: " in "".join(folder.notes)
