"""The index of a project, ``project.json``: its states, the undone ones, and what it keeps."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from .state import REMOVED, EmbeddingFile, ProjectState

Keep = Literal["originals", "thumbnails", "nothing"]
"""What a project keeps of the photos themselves."""

_FORMAT_VERSION = 2
_READABLE_VERSIONS = (1, 2)  # version 1 has no digests, and no number of tested photos
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
        return replace(self, states=[*self.states, state], undone=())

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

    def to_json(self) -> bytes:
        """Returns the content of ``project.json``."""
        content = {
            "version": _FORMAT_VERSION,
            "keep": self.keep,
            "steps": list(map(_to_json, self.states)),
            "undone": list(map(_to_json, self.undone)),
        }
        return json.dumps(content).encode()


def parse_index(text: str) -> ProjectIndex:
    """Reads the content of ``project.json``.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: It is damaged, or a newer version wrote it.
    """
    content = json.loads(text)
    version = content["version"]
    if version not in _READABLE_VERSIONS:
        raise ValueError(f"it has version {version}, not {_FORMAT_VERSION}")
    states, undone = (_parse_states(content.get(name, [])) for name in ("steps", "undone"))
    keep = content.get("keep", "nothing")  # earlier versions kept no photos
    if not states or keep not in get_args(Keep):
        raise ValueError("it is damaged")
    return ProjectIndex(list(map(_with_tested, states)) if version == 1 else states, undone, keep)


def _to_json(state: ProjectState) -> dict[str, Any]:
    """Returns a state as plain types; ``asdict`` would copy each label of each photo."""
    return vars(state) | {"photos": list(map(_part_to_json, state.photos))}


def _part_to_json(part: EmbeddingFile) -> dict[str, Any]:
    """Returns a file of embeddings as plain types; what most lack is left out."""
    confirmed = {"confirmed": part.confirmed} if part.confirmed else {}
    return {"file": part.file, "labels": part.labels} | confirmed


def _parse_states(steps: Any) -> list[ProjectState]:
    states = [
        ProjectState(**{**fields, "photos": [EmbeddingFile(**part) for part in fields["photos"]]})
        for fields in steps
    ]
    if not all(map(_has_valid_fields, states)):
        raise ValueError("it is damaged")
    return states


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
    number = len(state.classes)
    return (
        all(isinstance(name, str) for name in (state.what, *state.classes))
        and all(_is_file_name(part.file) for part in state.photos)
        and all(_are_labels(part.labels, number) for part in state.photos)
        and all(_are_rows(part.confirmed, len(part.labels)) for part in state.photos)
        and (state.head is None or _is_file_name(state.head))
        and (state.accuracy is None or _is_fraction(state.accuracy))
        and _is_fraction(state.threshold)
        and isinstance(state.tested, int)
        and state.tested >= 0
    )


def _are_labels(labels: Any, classes: int) -> bool:
    """Tells whether labels are class indices or REMOVED."""
    known = set(labels)  # which is short, unlike the list
    return isinstance(labels, list) and all(
        type(label) is int and REMOVED <= label < classes for label in known
    )


def _are_rows(numbers: Any, rows: int) -> bool:
    return isinstance(numbers, list) and all(
        type(number) is int and 0 <= number < rows for number in numbers
    )


def _is_file_name(name: Any) -> bool:
    """Tells whether a name stays inside the folder."""
    return isinstance(name, str) and Path(name).name == name and name not in ("", "..")


def _is_fraction(number: Any) -> bool:
    return isinstance(number, float | int) and 0 <= number <= 1
