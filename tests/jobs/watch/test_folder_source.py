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


def move(old: Path, new: Path) -> None:
    """Moves what is in a folder, as when a drive is mounted on it or no longer."""
    new.mkdir(exist_ok=True)
    for path in list(old.iterdir()):
        path.rename(new / path.name)


def number_anew(folder: Path) -> None:
    """Gives each file another inode, as network drives do when they are mounted."""
    shutil.copytree(folder, folder.parent / "copy")  # with the times
    shutil.rmtree(folder)
    (folder.parent / "copy").rename(folder)


@pytest.mark.parametrize("mounted", [".", "drive"], ids=["the folder", "a folder in it"])
@pytest.mark.parametrize("has_new_numbers", [False, True])
def test_files_that_are_gone_together_and_come_back_are_not_new(
    tmp_path: Path, clock: Clock, mounted: str, has_new_numbers: bool
) -> None:
    folder, elsewhere = tmp_path / "watched", tmp_path / "elsewhere"
    for name in ("a.png", "sub/b.png", "rewritten.png"):
        write(folder / mounted / name)
    if mounted != ".":
        write(folder / "stays.png")
    source = FolderSource(folder, existing=False)
    clock.plan = [
        lambda: move(folder / mounted, elsewhere),
        *[None] * 3,
        lambda: number_anew(elsewhere) if has_new_numbers else None,
        lambda: write(elsewhere / "rewritten.png", "blue"),
        lambda: write(elsewhere / "new.png"),
        lambda: move(elsewhere, folder / mounted),
        *[None] * 3,
    ]
    assert list(names(source)) == ["rewritten.png", "new.png"]


def test_files_that_go_and_come_back_one_by_one_are_not_new(tmp_path: Path, clock: Clock) -> None:
    folder, elsewhere = tmp_path / "watched", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in "abc":
        write(folder / f"{name}.png")
    source = FolderSource(folder, existing=False)
    for old, new in ((folder, elsewhere), (elsewhere, folder)):
        for name in ("a.png", "b.png", "c.png"):
            clock.plan.append(lambda old=old / name, new=new / name: old.rename(new))
    clock.plan += [None] * 3
    assert list(names(source)) == []


def test_a_folder_that_comes_back_with_other_inodes_has_no_new_files(
    tmp_path: Path, clock: Clock
) -> None:
    folder = tmp_path / "drive"
    write(folder / "old.png")
    source = FolderSource(folder, existing=False)
    clock.plan = [
        lambda: folder.rename(tmp_path / "elsewhere"),
        lambda: number_anew(tmp_path / "elsewhere"),
        lambda: (tmp_path / "elsewhere").rename(folder),
        *[None] * 3,
    ]
    _, back = names(source)
    assert back.endswith("can be read again")


def test_a_picture_that_was_gone_before_it_was_given_is_given(tmp_path: Path, clock: Clock) -> None:
    folder, elsewhere = tmp_path / "watched", tmp_path / "elsewhere"
    folder.mkdir()
    source = FolderSource(folder, existing=False)
    clock.plan = [
        lambda: write(folder / "new.png"),
        lambda: move(folder, elsewhere),
        None,
        lambda: move(elsewhere, folder),
        *[None] * 3,
    ]
    assert list(names(source)) == ["new.png"]


def test_files_that_are_gone_are_forgotten_when_they_are_many(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "_MIN_REMEMBERED", 2)
    source = FolderSource(tmp_path, existing=False)
    for name in "abcd":
        path = tmp_path / f"{name}.png"
        clock.plan += [lambda path=path: write(path), None, path.unlink, None]
    assert list(names(source)) == ["a.png", "b.png", "c.png", "d.png"]
    assert not source._files
    assert [path.name for path in source._gone] == ["c.png", "d.png"]
