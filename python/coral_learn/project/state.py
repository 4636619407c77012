"""The state of a project, and the changes to it as pure functions from one state to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..jobs.interval import Interval, accuracy_interval
from ..labels import check_label
from ..words import counted, quoted

REMOVED = -1
"""The label of embeddings whose class was removed."""


@dataclass(frozen=True)
class EmbeddingFile:
    """A file of embeddings that were added together.

    Attributes:
        file: The name of the file.
        labels: The class index of each row, or REMOVED.
        confirmed: The numbers of the rows whose label somebody looked at and found right.
    """

    file: str
    labels: list[int]
    confirmed: list[int] = field(default_factory=list)


class PhotoRow(NamedTuple):
    """Where the embedding of a photo is.

    Attributes:
        file: The name of the file.
        number: The number of the row in the file.
        label: The class index of the photo.
    """

    file: str
    number: int
    label: int


@dataclass(frozen=True)
class ProjectState:
    """The state of a project after a change.

    Attributes:
        what: A description of the change.
        classes: The names of the classes.
        photos: The embeddings of the photos of all classes.
        head: The file of the trained head, or None if there are fewer than two classes.
        accuracy: The accuracy on held-out photos, or None if no photos were held out.
        threshold: The probability below which an answer should count as "I don't know". 95% of the
            correct answers on held-out photos have a higher probability.
        tested: The number of held-out photos. In a small project each photo was held out once, by
            cross-validation.
        measured: Whether the head was measured on held-out photos; until then there is no accuracy,
            and the threshold is that of the state before.
        penalty: The penalty that the head was fitted with; None if that is not known.
        temperature: The temperature that the head was fitted with; see
            :class:`coral_learn.FitRecord`.
        unsearched: The number of photos that changed since the penalty was searched for.
    """

    what: str
    classes: list[str] = field(default_factory=list)
    photos: list[EmbeddingFile] = field(default_factory=list)
    head: str | None = None
    accuracy: float | None = None
    threshold: float = 0.0
    tested: int = 0
    measured: bool = True
    penalty: float | None = None
    temperature: float = 1.0
    unsearched: int = 0

    def __repr__(self) -> str:
        photos, classes = counted(len(self.rows), "photo"), len(self.classes)
        return f"ProjectState({self.what!r}: {photos} of {counted(classes, 'class', 'classes')})"

    @property
    def interval(self) -> Interval | None:
        """The 95% confidence interval of the accuracy, or None if there is no accuracy."""
        if self.accuracy is None or not self.tested:
            return None
        return accuracy_interval(round(self.accuracy * self.tested), self.tested)

    @property
    def rows(self) -> list[PhotoRow]:
        """The row of each photo, in the order in which the photos were added."""
        return [
            PhotoRow(part.file, number, label)
            for part in self.photos
            for number, label in enumerate(part.labels)
            if label != REMOVED
        ]

    @property
    def confirmed(self) -> set[tuple[str, int]]:
        """The file and the number of each row whose label was confirmed."""
        return {(part.file, number) for part in self.photos for number in part.confirmed}

    def count(self, name: str) -> int:
        """Returns the number of photos of a class."""
        index = self.classes.index(name)
        return sum(part.labels.count(index) for part in self.photos)


def class_index(state: ProjectState, name: str) -> int:
    """Returns the index of a class.

    Raises:
        ValueError: The project has no such class.
    """
    if name not in state.classes:
        known = f"Its classes are {quoted(state.classes)}." if state.classes else "It has none yet."
        raise ValueError(f"the project has no class {name!r}. {known}")
    return state.classes.index(name)


def check_new_class(state: ProjectState, name: str) -> None:
    """Checks that a class of this name can be added.

    Raises:
        ValueError: The project has a class of this name, or a label map cannot hold the name.
    """
    if name in state.classes:
        raise ValueError(f"the project already has a class {name!r}. Choose another name.")
    check_label(name)


def check_name(state: ProjectState, name: str) -> None:
    """Checks that photos can be added to a class of this name, new or not.

    Raises:
        ValueError: A label map cannot hold the name.
    """
    if name not in state.classes:
        check_label(name)


def add_photos(state: ProjectState, name: str, file: str, rows: int) -> ProjectState:
    """Returns the state with more photos of a class, which may be new; its head is not trained yet.

    Args:
        state: The state before.
        name: The name of the class.
        file: The file with the embeddings of the new photos.
        rows: The number of embeddings in the file.

    Raises:
        ValueError: See :func:`check_name`.
    """
    check_name(state, name)
    if name in state.classes:
        what, classes = f"add {counted(rows, 'photo')} to {name}", state.classes
    else:
        what, classes = f"add class {name} ({counted(rows, 'photo')})", [*state.classes, name]
    photos = [*state.photos, EmbeddingFile(file, [classes.index(name)] * rows)]
    return ProjectState(what, classes, photos)


def remove_class(state: ProjectState, name: str) -> ProjectState:
    """Returns the state without a class; its head is not trained yet.

    Raises:
        ValueError: The project has no such class.
    """
    index = class_index(state, name)
    kept = [_without_class(part, index) for part in state.photos]
    return ProjectState(
        what=f"remove class {name}",
        classes=[known for known in state.classes if known != name],
        photos=[part for part in kept if any(label != REMOVED for label in part.labels)],
    )


def rename_class(state: ProjectState, name: str, new_name: str) -> ProjectState:
    """Returns the state with a class renamed and the same head.

    Raises:
        ValueError: The project has no class ``name``, or cannot have a class ``new_name``.
    """
    index = class_index(state, name)
    check_new_class(state, new_name)
    classes = [*state.classes[:index], new_name, *state.classes[index + 1 :]]
    return replace(state, what=f"rename {name} to {new_name}", classes=classes)


def move_photos(state: ProjectState, name: str, rows: Sequence[PhotoRow]) -> ProjectState:
    """Returns the state with photos in another class; its head is not trained yet.

    Raises:
        ValueError: The project has no such class, all photos are in it already, or a class would
            be left without photos.
    """
    index = class_index(state, name)
    moved = [row for row in rows if row.label != index]
    if not moved:
        known = "the photo is" if len(rows) == 1 else "all these photos are"
        raise ValueError(f"{known} in {name!r} already")
    what = f"move {counted(len(moved), 'photo')} to {name}"
    return _relabelled(state, what, dict.fromkeys(moved, index))


def drop_photos(state: ProjectState, rows: Sequence[PhotoRow]) -> ProjectState:
    """Returns the state without some photos; its head is not trained yet.

    Raises:
        ValueError: A class would be left without photos.
    """
    what = f"drop {counted(len(rows), 'photo')}"
    return _relabelled(state, what, dict.fromkeys(rows, REMOVED))


def confirm_photos(state: ProjectState, rows: Sequence[PhotoRow]) -> ProjectState:
    """Returns the state with labels confirmed, and the same head.

    Raises:
        ValueError: All of them were confirmed before.
    """
    new = {(row.file, row.number) for row in rows} - state.confirmed
    if not new:
        labels = "this label was" if len(rows) == 1 else "these labels were"
        raise ValueError(f"{labels} confirmed before")
    files = {file for file, _ in new}
    photos = [
        part
        if part.file not in files
        else replace(
            part, confirmed=sorted({*part.confirmed, *(n for file, n in new if file == part.file)})
        )
        for part in state.photos
    ]
    return replace(state, what=f"confirm {counted(len(new), 'label')}", photos=photos)


def _relabelled(state: ProjectState, what: str, labels: Mapping[PhotoRow, int]) -> ProjectState:
    """Returns the state with other labels of some photos."""
    by_file: dict[str, dict[int, int]] = {}
    for row, label in labels.items():
        by_file.setdefault(row.file, {})[row.number] = label
    photos = [
        part if part.file not in by_file else _with_labels(part, by_file[part.file])
        for part in state.photos
    ]
    changed = ProjectState(what, state.classes, photos)
    empty = [name for name in state.classes if not changed.count(name)]
    if empty:
        raise ValueError(
            f"this would leave {quoted(empty)} without photos. Remove the class with "
            "`coral-learn project remove`, or keep a photo of it."
        )
    return changed


def _with_labels(part: EmbeddingFile, labels: Mapping[int, int]) -> EmbeddingFile:
    """Returns a file with other labels of some rows."""
    return EmbeddingFile(
        part.file,
        [labels.get(number, label) for number, label in enumerate(part.labels)],
        [number for number in part.confirmed if number not in labels],
    )


def _without_class(part: EmbeddingFile, index: int) -> EmbeddingFile:
    """Returns the labels of a file after a class was removed; later classes move up by one."""
    labels = [REMOVED if label == index else label - (label > index) for label in part.labels]
    confirmed = [number for number in part.confirmed if labels[number] != REMOVED]
    return EmbeddingFile(part.file, labels, confirmed)
