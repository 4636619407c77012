"""The history of a project in ``project.json``: what each state changed of the one before."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.project import history
from coral_learn.project.index import ProjectIndex, parse_index
from coral_learn.project.state import (
    PhotoRow,
    ProjectState,
    add_photos,
    drop_photos,
    move_photos,
    remove_class,
    rename_class,
)

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def taught(photos: int) -> ProjectState:
    """A state of two classes, with that many photos of each."""
    state = add_photos(ProjectState("create"), "crab", "a.npz", photos)
    return add_photos(state, "fish", "b.npz", photos)


@st.composite
def indexes(draw: st.DrawFn) -> ProjectIndex:
    """Indexes after random changes, some of them undone."""
    index = ProjectIndex([ProjectState("create")])
    for number in range(draw(st.integers(0, 12))):
        state = index.current
        kind = draw(st.sampled_from(["add", "move", "drop", "remove", "rename", "undo", "redo"]))
        try:
            if kind == "add":
                name = draw(st.sampled_from(["crab", "fish", "eel"]))
                rows = draw(st.integers(1, 5))
                index = index.changed(add_photos(state, name, f"{number}.npz", rows))
            elif kind == "undo":
                index = index.with_one_undone()
            elif kind == "redo":
                index = index.with_one_redone()
            elif state.classes:
                name = draw(st.sampled_from(state.classes))
                index = index.changed(_changed(draw, kind, state, name, number))
        except ValueError:
            pass  # there is nothing to undo, or a class would be empty
    return index


def _changed(
    draw: st.DrawFn, kind: str, state: ProjectState, name: str, number: int
) -> ProjectState:
    if kind == "remove":
        return remove_class(state, name)
    if kind == "rename":
        return rename_class(state, name, f"class {number}")
    some: list[PhotoRow] = draw(st.lists(st.sampled_from(state.rows), min_size=1, unique=True))
    return move_photos(state, name, some) if kind == "move" else drop_photos(state, some)


@given(indexes())
def test_a_history_is_read_as_it_was_written(index: ProjectIndex) -> None:
    read = parse_index(index.to_json().decode())
    assert list(read.states) == list(index.states)
    assert list(read.undone) == list(index.undone)
    assert read.to_json() == index.to_json()


def test_a_change_of_one_photo_adds_little() -> None:
    index = ProjectIndex([taught(1000)])
    for row in index.current.rows[:100]:
        index = index.changed(move_photos(index.current, "fish", [row]))
    grown = len(index.to_json()) - len(ProjectIndex([taught(1000)]).to_json())
    assert grown < 100 * 250
    read = parse_index(index.to_json().decode()).states
    assert read[-1].photos[1] is read[0].photos[1]


def test_a_file_of_the_last_version_is_read() -> None:
    states = [ProjectState("create"), taught(3)]
    moved = move_photos(states[-1], "fish", states[-1].rows[:1])

    def in_full(state: ProjectState) -> dict[str, Any]:
        return vars(state) | {"photos": [vars(part) for part in state.photos]}

    written = {
        "version": 2,
        "keep": "originals",
        "steps": [in_full(state) for state in states],
        "undone": [in_full(moved)],
    }
    assert parse_index(json.dumps(written)) == ProjectIndex(states, [moved], "originals")


def test_the_oldest_changes_of_a_very_long_history_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "_MOST_KEPT", 500)
    monkeypatch.setattr(history, "_MOST_READ", 2000)
    index = ProjectIndex([taught(50)])
    for row in index.current.rows[:40]:
        index = index.changed(move_photos(index.current, "fish", [row]))
    assert 1 < len(index.states) < 41
    assert parse_index(index.to_json().decode()).current == index.current


_ADDED = {"what": "add", "classes": ["a"], "photos": [{"file": "f", "labels": [0]}]}


@pytest.mark.parametrize(
    "step",
    [
        {"what": "move", "classes": ["a"], "moved": {"f": [[0], [1]]}},
        {"what": "move", "classes": ["a"], "moved": {"f": [[-1], [0]]}},
        {"what": "move", "classes": ["a"], "moved": {"f": [[7], [0]]}},
        {"what": "move", "classes": ["a"], "moved": {"f": [[0], []]}},
        {"what": "move", "classes": ["a"], "moved": {"g": [[0], [0]]}},
        {"what": "move", "classes": ["a"], "moved": 5},
        {"what": "move", "classes": ["a"], "gone": ["g"]},
        {"what": "move", "classes": [], "photos": []},
        {"what": "move", "classes": ["a"], "photos": [{"file": [], "labels": [0]}]},
        5,
    ],
    ids=str,
)
def test_a_damaged_step_is_refused(step: Any) -> None:
    content = {"version": 3, "keep": "nothing", "steps": [_ADDED, step], "undone": 0}
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        parse_index(json.dumps(content))


@pytest.mark.parametrize("undone", [-1, 1, True, None, []])
def test_a_wrong_number_of_undone_changes_is_refused(undone: Any) -> None:
    content = {"version": 3, "keep": "nothing", "steps": [_ADDED], "undone": undone}
    with pytest.raises((ValueError, TypeError)):
        parse_index(json.dumps(content))


def test_a_small_file_that_claims_a_huge_history_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "_MOST_READ", 1000)
    many = {"what": "add", "classes": ["a"], "photos": [{"file": "f", "labels": [0] * 100}]}
    move = {"what": "move", "classes": ["a"], "moved": {"f": [[0], [0]]}}
    content = {"version": 3, "keep": "nothing", "steps": [many, *[move] * 50], "undone": 0}
    with pytest.raises(ValueError, match="history is too long"):
        parse_index(json.dumps(content))
