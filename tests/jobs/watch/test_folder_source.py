"""A folder that is watched for new pictures."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from coral_learn.jobs.watch import folder as folder_module
from coral_learn.jobs.watch.folder import FolderSource
from coral_learn.jobs.watch.picture import Notice, Picture


class Clock:
    """Time that passes only while the folder source sleeps, with something to do meanwhile."""

    def __init__(self) -> None:
        self.time = 0.0
        self.plan: list[object] = []

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        if not self.plan:
            raise EOFError
        step = self.plan.pop(0)
        if callable(step):
            step()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(folder_module, "time", clock)
    return clock


def write(path: Path, color: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), color).save(path)


def names(source: FolderSource, readable: bool = True) -> Iterator[str]:
    """Yields the names of the pictures, or notices, until nothing more is planned."""
    try:
        for item in source.pictures():
            if isinstance(item, Notice):
                yield item.text
            elif readable or not source.will_come_again(item):
                yield Path(str(item.origin["path"])).name
    except EOFError:
        pass


def test_new_and_rewritten_pictures_are_given_once(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path / "old.png")
    write(tmp_path / "sub" / "rewritten.png")
    source = FolderSource(tmp_path, existing=False)
    clock.plan = [
        lambda: write(tmp_path / "new.png"),
        None,
        lambda: write(tmp_path / "sub" / "deep" / "er.png"),
        lambda: (tmp_path / "notes.txt").write_text("no picture"),
        lambda: write(tmp_path / "sub" / "rewritten.png", "blue"),
        *[None] * 5,
        lambda: (tmp_path / "new.png").unlink(),
        lambda: write(tmp_path / "new.png"),
        *[None] * 5,
    ]
    assert list(names(source)) == ["new.png", "er.png", "rewritten.png", "new.png"]


def test_pictures_that_are_there_are_given_if_asked_for(tmp_path: Path, clock: Clock) -> None:
    for number, name in enumerate(["c.png", "a.png", "b.png"]):
        write(tmp_path / name)
        os.utime(tmp_path / name, (number, number))
    assert list(names(FolderSource(tmp_path, existing=True))) == ["c.png", "a.png", "b.png"]


def test_a_half_written_picture_is_waited_for(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    source = FolderSource(tmp_path, existing=False)
    parts = [content[:20], content[:40], content[:60], content]
    clock.plan = [lambda part=part: (tmp_path / "slow.png").write_bytes(part) for part in parts]
    clock.plan += [None] * 3
    seen = []
    try:
        for item in source.pictures():
            assert isinstance(item, Picture)
            seen.append(Path(str(item.image)).read_bytes())
    except EOFError:
        pass
    assert seen == [content]


def test_a_writer_that_pauses_gets_ten_seconds(tmp_path: Path, clock: Clock) -> None:
    source = FolderSource(tmp_path, existing=False)
    clock.plan = [
        lambda: (tmp_path / "a.png").write_bytes(b"a"),
        *[None] * 15,
        lambda: (tmp_path / "a.png").write_bytes(b"ab"),
        *[None] * 19,
    ]
    assert list(names(source, readable=False)) == []
    clock.plan = [None] * 20
    assert list(names(source, readable=False)) == ["a.png"]  # once


def test_a_folder_that_is_gone_is_waited_for(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "drive"
    write(folder / "old.png")
    source = FolderSource(folder, existing=False)
    clock.plan = [
        lambda: folder.rename(tmp_path / "elsewhere"),
        *[None] * 3,
        lambda: (tmp_path / "elsewhere").rename(folder),
        None,
        lambda: write(folder / "new.png"),
        *[None] * 3,
    ]
    lost, back, new = names(source)
    assert str(folder) in lost
    assert "waiting until it can be read again" in lost
    assert back == f"{folder} can be read again"
    assert new == "new.png"


def test_a_folder_must_be_there_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FolderSource(tmp_path / "nothing", existing=False)


def test_very_many_files_are_looked_at_less_often(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.png")
    source = FolderSource(tmp_path, existing=True)
    versions = folder_module._versions

    def slow_versions(folder: Path) -> dict[Path, Any]:
        clock.time += 2.0
        return versions(folder)

    monkeypatch.setattr(folder_module, "_versions", slow_versions)
    for _ in names(source):
        clock.time += 1000.0  # to classify a picture is no part of it
    assert clock.time == 2.0 + 1000.0 + 20.0


def test_removed_files_are_forgotten(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path / "sub" / "a.png")
    source = FolderSource(tmp_path, existing=False)
    clock.plan = [lambda: shutil.rmtree(tmp_path / "sub"), None]
    assert list(names(source)) == []
    assert not source._files
