"""The history of a project as ``project.json`` keeps it: what each state changed of the one before.

A step has the fields of its state, and of the photos only

photos     the files that are new or of which most labels changed, with all labels
moved      the rows and new labels of other files: {file: [[row, ...], [label, ...]]}
confirmed  the rows with confirmed labels of other files, where they changed: {file: [row, ...]}
gone       the files of which no photo is left
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from .state import EmbeddingFile, ProjectState

_MOST_KEPT = 2_000_000  # labels and files of all states together, so that a history stays small
_MOST_READ = 4 * _MOST_KEPT  # a small file must not claim a history that fills the memory


def to_steps(states: Iterable[ProjectState]) -> list[dict[str, Any]]:
    """Returns states, oldest first, as plain types."""
    steps, before = [], ProjectState("")
    for state in states:
        fields = {name: value for name, value in vars(state).items() if name != "photos"}
        steps.append(fields | _changed_photos(before, state))
        before = state
    return steps


def from_steps(steps: Iterable[dict[str, Any]]) -> list[ProjectState]:
    """Returns the states that :func:`to_steps` wrote; labels that did not change are shared.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: The steps are damaged.
    """
    states, files, size = [], dict[str, EmbeddingFile](), 0
    for step in steps:
        fields = dict(step)
        for name in fields.pop("gone", []):
            del files[name]
        changed = [
            _moved(files[name], *rows_and_labels)
            for name, rows_and_labels in fields.pop("moved", {}).items()
        ]
        changed += [EmbeddingFile(**part) for part in fields.pop("photos", [])]
        files |= {part.file: part for part in changed}
        for name, rows in fields.pop("confirmed", {}).items():
            files[name] = replace(files[name], confirmed=rows)
            size += len(rows)
        size += len(files) + sum(len(part.labels) for part in changed)
        if size > _MOST_READ:
            raise ValueError("it is damaged: its history is too long")
        states.append(ProjectState(**fields, photos=list(files.values())))
    return states


def recent(states: Sequence[ProjectState]) -> Sequence[ProjectState]:
    """Returns the states without the oldest ones of a very long history."""
    size, known = 0, set[int]()
    for place in range(len(states) - 1, -1, -1):
        new = [part for part in states[place].photos if id(part) not in known]
        known |= {id(part) for part in new}
        size += len(states[place].photos) + sum(len(part.labels) for part in new)
        if size > _MOST_KEPT:
            return states[min(place + 1, len(states) - 1) :]
    return states


def _changed_photos(before: ProjectState, state: ProjectState) -> dict[str, Any]:
    old = {part.file: part for part in before.photos}
    photos, moved, confirmed = [], {}, {}
    for part in state.photos:
        known = old.pop(part.file, None)
        if known is part:
            continue
        if known is None or len(known.labels) != len(part.labels):
            photos.append(_to_json(part))
            continue
        pairs = enumerate(zip(known.labels, part.labels, strict=True))
        rows = [row for row, (one, other) in pairs if one != other]
        if len(rows) > len(part.labels) / 2:
            photos.append(_to_json(part))
            continue
        if rows:
            moved[part.file] = [rows, [part.labels[row] for row in rows]]
        if known.confirmed != part.confirmed:
            confirmed[part.file] = part.confirmed
    found = {"photos": photos, "moved": moved, "confirmed": confirmed, "gone": list(old)}
    return {name: value for name, value in found.items() if value}


def _to_json(part: EmbeddingFile) -> dict[str, Any]:
    """Returns a file of embeddings as plain types; what most lack is left out."""
    confirmed = {"confirmed": part.confirmed} if part.confirmed else {}
    return {"file": part.file, "labels": part.labels} | confirmed


def _moved(part: EmbeddingFile, rows: list[int], labels: list[int]) -> EmbeddingFile:
    changed = list(part.labels)
    for row, label in zip(rows, labels, strict=True):
        if type(row) is not int or row < 0:
            raise ValueError("it is damaged")
        changed[row] = label
    return replace(part, labels=changed)
