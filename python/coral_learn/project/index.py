"""The index of a project, ``project.json``: its states, the undone ones, and what it keeps."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from .history import from_steps, recent, to_steps
from .state import REMOVED, EmbeddingFile, ProjectState

Keep = Literal["originals", "thumbnails", "nothing"]
"""What a project keeps of the photos themselves."""

_FORMAT_VERSION = 3
# Version 1 has no digests and no number of tested photos, and 1 and 2 have all labels in each step.
_READABLE_VERSIONS = (1, 2, 3)
_MAX_PENALTY = 1e9  # far more than any that is chosen
_HELD_OUT_BY_VERSION_1 = 0.2


@dataclass(frozen=True)
class ProjectIndex:
    """Everything that a project knows beside its files.

    Attributes:
        states: All states, oldest first; at least one.
        undone: The states that were undone and can be had back, the last undone one last.
        keep: What the project keeps of the photos themselves.
    """

    states: Sequence[ProjectState]
    undone: Sequence[ProjectState] = ()
    keep: Keep = "nothing"

    @property
    def current(self) -> ProjectState:
        """The state that the last change made."""
        return self.states[-1]

    def changed(self, state: ProjectState) -> "ProjectIndex":
        """Returns the index after a change, which makes what was undone unreachable."""
        return replace(self, states=recent([*self.states, state]), undone=())

    def with_one_undone(self) -> "ProjectIndex":
        """Returns the index without the last change.

        Raises:
            ValueError: There is no change.
        """
        if len(self.states) == 1:
            raise ValueError("the project has no change to undo")
        return replace(self, states=self.states[:-1], undone=[*self.undone, self.current])

    def with_one_redone(self) -> "ProjectIndex":
        """Returns the index with the change that was undone last.

        Raises:
            ValueError: Nothing was undone, or the project was changed since.
        """
        if not self.undone:
            raise ValueError("the project has no undone change to make again")
        return replace(self, states=[*self.states, self.undone[-1]], undone=self.undone[:-1])

    def measured(self, head: str, **found: Any) -> "ProjectIndex":
        """Returns the index with what was measured of a head, in all states that have it.

        Args:
            head: The file of the head.
            found: The fields of :class:`ProjectState` that were measured.
        """
        states, undone = (
            [
                replace(state, measured=True, **found) if state.head == head else state
                for state in some
            ]
            for some in (self.states, self.undone)
        )
        return replace(self, states=states, undone=undone)

    def to_json(self) -> bytes:
        """Returns the content of ``project.json``."""
        content = {
            "version": _FORMAT_VERSION,
            "keep": self.keep,
            "steps": to_steps([*self.states, *reversed(self.undone)]),
            "undone": len(self.undone),
        }
        return json.dumps(content).encode()


def parse_index(text: str) -> ProjectIndex:
    """Reads the content of ``project.json``.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, RecursionError: It is damaged, or
            a newer version wrote it.
    """
    content = json.loads(text)
    version = content["version"]
    if version not in _READABLE_VERSIONS:
        raise ValueError(f"it has version {version}, not {_FORMAT_VERSION}")
    keep = content.get("keep", "nothing")  # earlier versions kept no photos
    states, undone = _of_version_2(content) if version < _FORMAT_VERSION else _of_version_3(content)
    _check_states([*states, *undone])
    if not states or keep not in get_args(Keep):
        raise ValueError("it is damaged")
    return ProjectIndex(list(map(_with_tested, states)) if version == 1 else states, undone, keep)


def _of_version_3(content: Any) -> tuple[list[ProjectState], list[ProjectState]]:
    """Returns the states, and those that were undone."""
    states, undone = from_steps(content["steps"]), content["undone"]
    if type(undone) is not int or not 0 <= undone < len(states):
        raise ValueError("it is damaged")
    last = len(states) - undone
    return states[:last], states[last:][::-1]


def _of_version_2(content: Any) -> tuple[list[ProjectState], list[ProjectState]]:
    """Returns the states, and those that were undone, of a file that has all labels in each."""
    states, undone = (
        [
            ProjectState(
                **{**fields, "photos": [EmbeddingFile(**part) for part in fields["photos"]]}
            )
            for fields in content.get(name, [])
        ]
        for name in ("steps", "undone")
    )
    return states, undone


def _check_states(states: Sequence[ProjectState]) -> None:
    """Raises an error unless the fields of states, which may hold any JSON, are as declared."""
    known = dict[int, int]()  # the largest label of files that several states share
    for state in states:
        if not _has_valid_fields(state):
            raise ValueError("it is damaged")
        for part in state.photos:
            if id(part) not in known:
                known[id(part)] = _largest_label(part)
            if known[id(part)] >= len(state.classes):
                raise ValueError("it is damaged")


def _with_tested(state: ProjectState) -> ProjectState:
    """Adds the number of tested photos, which version 1 did not write."""
    if state.accuracy is None:
        return state
    from ..dataset.split import split_by_class  # rarely needed

    labels = np.array([label for part in state.photos for label in part.labels])
    split = split_by_class(labels[labels != REMOVED], 0, _HELD_OUT_BY_VERSION_1)
    return replace(state, tested=len(split.test))


def _has_valid_fields(state: Any) -> bool:
    """Tells whether the fields of a ProjectState, which may hold any JSON, are as declared."""
    return (
        all(isinstance(name, str) for name in (state.what, *state.classes))
        and (state.head is None or _is_file_name(state.head))
        and (state.accuracy is None or _is_fraction(state.accuracy))
        and _is_fraction(state.threshold)
        and all(type(count) is int and count >= 0 for count in (state.tested, state.unsearched))
        and type(state.measured) is bool
        and (state.measured if state.penalty is None else _is_positive(state.penalty))
        and _is_positive(state.temperature)
    )


def _largest_label(part: Any) -> int:
    """Returns the largest label of a file; an error unless its fields are as declared."""
    present = set(part.labels)  # which is short, unlike the list
    if not (
        _is_file_name(part.file)
        and isinstance(part.labels, list)
        and all(type(label) is int and label >= REMOVED for label in present)
        and _are_rows(part.confirmed, len(part.labels))
    ):
        raise ValueError("it is damaged")
    return max(present, default=REMOVED)


def _are_rows(numbers: Any, rows: int) -> bool:
    return isinstance(numbers, list) and all(
        type(number) is int and 0 <= number < rows for number in numbers
    )


def _is_file_name(name: Any) -> bool:
    """Tells whether a name stays inside the folder."""
    return isinstance(name, str) and Path(name).name == name and name not in ("", "..")


def _is_positive(number: Any) -> bool:
    return isinstance(number, float | int) and 0 < number < _MAX_PENALTY


def _is_fraction(number: Any) -> bool:
    return isinstance(number, float | int) and 0 <= number <= 1
