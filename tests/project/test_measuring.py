"""Heads that are trained further after small changes, and measured at once or later."""

from pathlib import Path

import numpy as np
import pytest
from tests.project.test_project import drawn
from tests.support.drawn_extractor import drawn_extractor

from coral_learn.heads.records import FitRecord
from coral_learn.heads.refit import refit
from coral_learn.project.project import Project
from coral_learn.project.state import ProjectState
from coral_learn.project.store import ProjectStore

__all__ = ["drawn"]  # a fixture

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

NAMES = ("crab", "fish")


def taught(path: Path, drawn: Path, *, later: bool = False) -> Project:
    project = Project.create(path, drawn_extractor())
    if later:
        project.measure_later()
    for name in NAMES:
        project.add_class(name, sorted((drawn / name).iterdir()))
    return project


def change(project: Project) -> ProjectState:
    """Moves the first photo, and returns the state after that."""
    project.move_photos("fish", [project.photos_of("crab")[0].id])
    return project.step


def test_what_is_measured_later_is_what_is_measured_at_once(drawn: Path, tmp_path: Path) -> None:
    at_once, later = taught(tmp_path / "a", drawn), taught(tmp_path / "b", drawn, later=True)
    for _ in range(2):
        pending = later.step
        assert (pending.measured, pending.accuracy, pending.tested) == (False, None, 0)
        later.measure()
        one, other = at_once.step, later.step
        assert (one.accuracy, one.tested, one.threshold) == (
            other.accuracy,
            other.tested,
            other.threshold,
        )
        assert one.measured
        assert other.measured
        assert at_once.serialize_model() == later.serialize_model()
        change(at_once)
        assert change(later).threshold == other.threshold


def test_measuring_is_no_change(drawn: Path, tmp_path: Path) -> None:
    project = taught(tmp_path / "p", drawn, later=True)
    head = change(project).head
    project.undo()
    project.redo()
    project.measure()
    assert project.step.head == head
    assert len(project.history) == 4
    project.undo()
    assert not project.step.measured
    project.redo()
    assert project.index.current.measured
    before = (project.path / "project.json").read_bytes()
    project.measure()
    assert (project.path / "project.json").read_bytes() == before


def test_measuring_ends_when_it_is_told_to(drawn: Path, tmp_path: Path) -> None:
    project = taught(tmp_path / "p", drawn, later=True)

    def check() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        project.measure(check)
    with pytest.raises(TimeoutError):
        project.make_model(check=check)
    assert not project.step.measured


def test_a_small_change_keeps_the_penalty(drawn: Path, tmp_path: Path) -> None:
    project = taught(tmp_path / "p", drawn)
    searched = project.step
    assert (searched.unsearched, searched.penalty is None) == (0, False)
    for number in (1, 2, 3):  # of 30 photos
        assert change(project).unsearched == number
        assert project.step.penalty == searched.penalty
    assert change(project).unsearched == 0


def test_a_head_that_is_trained_further_has_the_lowest_loss(drawn: Path, tmp_path: Path) -> None:
    project = taught(tmp_path / "p", drawn)
    state = change(project)
    store = ProjectStore(project.path)
    rows, labels = store.load_embeddings(state)
    further = store.load_head(state.head or "")
    record = FitRecord(state.penalty or 0, {}, [], True, temperature=state.temperature)
    again = refit(record, rows, labels, 2)
    np.testing.assert_allclose(further.predict_proba(rows), again.predict_proba(rows), atol=0.02)


def test_undoing_and_opening_again_give_the_same_file(drawn: Path, tmp_path: Path) -> None:
    project = taught(tmp_path / "p", drawn)
    models = [project.serialize_model()]
    for _ in range(2):
        change(project)
        models.append(project.serialize_model())
    for expected in models[-2::-1]:
        project.undo()
        assert Project(project.path).serialize_model() == expected
    for expected in models[1:]:
        project.redo()
        assert Project(project.path).serialize_model() == expected


def test_a_head_that_is_damaged_is_trained_from_the_photos(drawn: Path, tmp_path: Path) -> None:
    project = taught(tmp_path / "p", drawn)
    (project.path / "parts" / (project.step.head or "")).write_bytes(b"")
    assert change(project).unsearched == 0
    assert project.serialize_model()


def test_a_class_that_is_added_or_removed_leaves_the_others(drawn: Path, tmp_path: Path) -> None:
    project = taught(tmp_path / "p", drawn)
    project.add_class("turtle", sorted((drawn / "turtle").iterdir())[:2])
    assert project.step.unsearched == 2
    project.remove_class("turtle")
    assert project.step.unsearched == 0  # four photos have changed
    project.rename_class("crab", "lobster")
    assert change_of(project, "lobster").unsearched == 1


def change_of(project: Project, name: str) -> ProjectState:
    project.move_photos("fish", [project.photos_of(name)[0].id])
    return project.step
