"""A folder whose new pictures go into a class of a project."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.support.drawn_extractor import drawn_extractor

from coral_learn.cli.project_commands import project_app
from coral_learn.demo.drawing import write_photos
from coral_learn.extraction.photo_rows import SkippedPhoto
from coral_learn.project.class_watch import Arrival, ClassWatch
from coral_learn.project.project import Project
from coral_learn.project.readable import AddedFiles, add_readable

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("drawn")
    for _ in write_photos(folder, per_class=6, seed=5):
        pass
    return sorted((folder / "crab").iterdir())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "garden", drawn_extractor())


@pytest.fixture
def snaps(tmp_path: Path) -> Path:
    (tmp_path / "snaps").mkdir()
    return tmp_path / "snaps"


def watch(project: Project, folder: Path, *, existing: bool = False) -> ClassWatch:
    def add(paths: Sequence[Path]) -> AddedFiles:
        return add_readable(project, "crab", paths, device="cpu")

    return ClassWatch(folder, project.path, add, existing=existing)


def taking(steps: Iterable[Callable[[], object]]) -> Callable[[float], bool]:
    """Takes a step between two looks, and ends the watch after the last one and two more looks."""
    left: Iterator[Callable[[], object] | None] = iter([*steps, None, None])

    def wait(seconds: float) -> bool:
        step = next(left, "end")
        if callable(step):
            step()
        return step == "end"

    return wait


def test_new_pictures_are_added(project: Project, snaps: Path, drawn: list[Path]) -> None:
    shutil.copy(drawn[0], snaps)
    steps = [lambda: [shutil.copy(path, snaps) for path in drawn[1:4]]]
    [arrival] = watch(project, snaps).events(taking(steps))
    assert isinstance(arrival, Arrival)
    assert arrival.to_json() == {"added": 3, "copies": 0, "similar": 0, "other_classes": []}
    assert len(project.photos) == 3
    [arrival] = watch(project, snaps, existing=True).events(taking([]))
    assert isinstance(arrival, Arrival)
    assert (arrival.added.photos, arrival.added.copies) == (1, 3)


def test_a_picture_that_is_being_written_is_waited_for(
    project: Project, snaps: Path, drawn: list[Path]
) -> None:
    content = drawn[0].read_bytes()
    steps = [
        lambda: (snaps / "a.jpg").write_bytes(content[:900]),
        lambda: None,  # the same twice in a row, and not whole
        lambda: None,
        lambda: (snaps / "a.jpg").write_bytes(content),
    ]
    [arrival] = watch(project, snaps).events(taking(steps))
    assert isinstance(arrival, Arrival)
    assert arrival.added == AddedFiles(photos=1)


def test_a_broken_picture_is_named_once_and_skipped(
    project: Project, snaps: Path, drawn: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coral_learn.jobs.watch.folder._PATIENCE", 0.0)
    steps = [
        lambda: (snaps / "a.jpg").write_bytes(b"no picture"),
        lambda: None,
        lambda: shutil.copy(drawn[0], snaps / "b.jpg"),
    ]
    skipped, arrival = watch(project, snaps).events(taking(steps))
    assert isinstance(skipped, SkippedPhoto)
    assert skipped.path == str(snaps / "a.jpg")
    assert isinstance(arrival, Arrival)
    assert arrival.added == AddedFiles(photos=1)


def test_nearly_the_same_pictures_count_once(
    project: Project, snaps: Path, drawn: list[Path]
) -> None:
    def burst() -> None:
        for number in range(4):
            content = drawn[0].read_bytes() + bytes(number)  # other files of the same picture
            (snaps / f"{number}.jpg").write_bytes(content)

    [arrival] = watch(project, snaps).events(taking([burst]))
    assert isinstance(arrival, Arrival)
    assert (arrival.added.photos, arrival.similar) == (1, 3)


def test_a_picture_of_another_class_stays_there(
    project: Project, snaps: Path, drawn: list[Path]
) -> None:
    project.add_class("fish", drawn[:2])
    steps = [lambda: [shutil.copy(path, snaps) for path in drawn[1:3]]]
    [arrival] = watch(project, snaps).events(taking(steps))
    assert isinstance(arrival, Arrival)
    assert arrival.added.photos == 1
    others = arrival.to_json()["other_classes"]
    assert others == [{"path": str(snaps / drawn[1].name), "class": "fish"}]


def test_a_project_is_not_watched_for_itself(project: Project, tmp_path: Path) -> None:
    (project.path / "photos").mkdir(exist_ok=True)
    for folder in (project.path, project.path / "photos", tmp_path):
        with pytest.raises(ValueError, match="cannot be watched for the project"):
            watch(project, folder)
    with pytest.raises(ValueError, match=r"is no folder\. Give a folder"):
        watch(project, tmp_path / "nothing")


def test_a_wrong_name_is_refused_before_anything_comes(project: Project, snaps: Path) -> None:
    command = ["watch", str(project.path), "two\nlines", str(snaps)]
    with pytest.raises(ValueError, match="two"):
        project_app(command, standalone_mode=False)


def test_the_command_ends_after_a_number_of_pictures(
    project: Project, snaps: Path, drawn: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for path in drawn[:3]:
        shutil.copy(path, snaps)
    command = ["watch", str(project.path), "crab", str(snaps), "--existing", "--count", "3"]
    project_app([*command, "--no-cache"], standalone_mode=False)
    assert "3 pictures added to crab, which has 3" in capsys.readouterr().out
    project_app([*command, "--no-cache", "--json"], standalone_mode=False)
    line = json.loads(capsys.readouterr().out)
    assert line.pop("time").endswith("Z")
    assert line == {
        **{"class": "crab", "added": 0, "copies": 3, "similar": 0},
        **{"other_classes": [], "photos": 3},
    }


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_leaves_a_good_project(project: Project, snaps: Path, drawn: list[Path]) -> None:
    shutil.copy(drawn[0], snaps)
    command = [
        *(sys.executable, "-m", "coral_learn", "project", "watch", str(project.path), "crab"),
        *(str(snaps), "--existing", "--no-cache", "--json"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["added"] == 1
        shutil.copy(drawn[1], snaps)
        assert json.loads(process.stdout.readline())["photos"] == 2
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in errors
    assert len(Project(project.path).photos) == 2
    assert Project(project.path).undo() == "add 1 photo to crab"
