"""The photos that a model is trained and tested on, with their embeddings."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dataset.folder import ImageFolder
from ..dataset.split import Split
from ..embeddings import Embeddings
from ..extraction.photo_rows import PhotoRows, SkippedPhoto
from ..heads.scenes import MIN_FEATURES, are_too_many, number_scenes
from ..words import counted, quoted
from .duplicates import Duplicates, find_duplicates


class TrainingPhotos(NamedTuple):
    """The N different photos of a folder that could be read.

    Attributes:
        embeddings: The embeddings of the photos, [N, D], in the view that the model will see.
        labels: The class index of each photo, [N].
        paths: The paths of the photos.
        names: The paths of the photos below the folder, as in ``photos.csv``.
        digests: The SHA-256 of each photo's file.
        classes: The names of the classes.
        split: The split that the folder gives, or None.
        scenes: The number of the scene of each photo, [N]. Photos of one scene are held out
            together: near-duplicates, and the frames of one video.
        skipped: The other photos of the folder: they could not be read, or are in two classes.
        notes: Facts to tell the user, such as the number of copies.
        other_view: The embeddings of another view of the photos to train on, [N, D], or None.
        drawn_class: The class whose pictures are drawn, which are all trained on and never tested;
            None if there is none.
        contradictions: The photos that are in two classes: the path and the class of each copy.
        scene_note: How many photos show the scene of another, in words; "" if none do.
    """

    embeddings: Embeddings
    labels: NDArray[np.int64]
    paths: list[Path]
    names: list[str]
    digests: list[bytes]
    classes: list[str]
    split: Split | None
    scenes: NDArray[np.int64]
    skipped: list[SkippedPhoto]
    notes: list[str]
    other_view: Embeddings | None = None
    contradictions: Sequence[Sequence[tuple[Path, str]]] = ()
    scene_note: str = ""
    drawn_class: int | None = None

    @property
    def real(self) -> NDArray[np.int64]:
        """The rows of the photos that are not drawn, ascending."""
        return np.flatnonzero(self.labels != (-1 if self.drawn_class is None else self.drawn_class))

    @property
    def drawn(self) -> NDArray[np.int64]:
        """The rows of the drawn pictures, ascending."""
        return np.flatnonzero(self.labels == (-1 if self.drawn_class is None else self.drawn_class))

    def rows_of_views(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the rows of all views of photos, where those of the other view come after N."""
        if self.other_view is None:
            return rows
        return np.concatenate([rows, rows + len(self.labels)])


def list_photos(data_dir: str | os.PathLike[str]) -> ImageFolder:
    """Lists photos of at least two classes.

    Args:
        data_dir: What :class:`coral_learn.ImageFolder` reads.

    Raises:
        ValueError: The photos cannot be used, or there is only one class.
        OSError: The folder cannot be read.
    """
    photos = ImageFolder(data_dir)
    if len(photos.classes) < 2:
        raise ValueError(
            f"{photos.path}/ has only one class ({photos.classes[0]!r}). "
            "Add a folder for each further class."
        )
    return photos


def take_training_photos(folder: ImageFolder, found: PhotoRows[list[Embeddings]]) -> TrainingPhotos:
    """Returns the photos of a folder that can be used for training.

    A photo that is in two classes is skipped in both, with a warning, and copies of a photo count
    once, so that no copy of a training photo is tested.

    Args:
        folder: The photos.
        found: The embeddings of one or two views of those that can be read; the first is the one
            that the model will see.

    Raises:
        ValueError: A class has no photo that can be used.
    """
    skipped = [SkippedPhoto(folder.shown(each.path), each.reason) for each in found.skipped]
    labels = folder.labels[found.kept]
    split = folder.split and folder.split.of_rows(found.kept)
    lost = _classes_without_rows(folder, labels[split.train] if split else labels)
    if lost:
        raise ValueError(
            f"{folder.path}/ has no readable photo of {quoted(lost)} (for example, "
            f"{skipped[0]}). Replace the photos, or remove the folder of the class."
        )
    names = folder.names
    photos = TrainingPhotos(
        embeddings=found.rows[0],
        labels=labels,
        paths=[folder.paths[index] for index in found.kept],
        names=[names[index] for index in found.kept],
        digests=found.digests,
        classes=folder.classes,
        split=split,
        scenes=np.arange(len(labels)),  # until near-duplicates are known
        skipped=skipped,
        notes=folder.notes,
        other_view=found.rows[1] if len(found.rows) > 1 else None,
    )
    duplicates = find_duplicates(photos.digests, labels, _ranks(photos))
    groups = None if folder.groups is None else folder.groups[found.kept][duplicates.kept]
    if len(duplicates.kept) < len(labels):
        photos = _without(photos, duplicates, folder)
    return _with_scenes(photos, groups)


def _with_scenes(photos: TrainingPhotos, groups: NDArray[np.int64] | None) -> TrainingPhotos:
    """Returns the photos with their scenes, and a note about them.

    Args:
        photos: The photos.
        groups: The group of each, such as the frames of one video, [N], or None.
    """
    scenes = number_scenes(photos.embeddings, photos.labels, groups)
    note = ""
    if are_too_many(photos.embeddings):
        note = (
            f"{len(scenes)} photos are too many to look for those that show the same scene: if "
            "there are such photos, expect a lower accuracy with new ones"
        )
    elif photos.embeddings.shape[1] >= MIN_FEATURES:
        note = _note_of_scenes(scenes, groups)
    notes = [*photos.notes, note] if note else photos.notes
    return photos._replace(scenes=scenes, scene_note=note, notes=notes)


def _note_of_scenes(scenes: NDArray[np.int64], groups: NDArray[np.int64] | None) -> str:
    """Returns how many photos were found to show the scene of another; "" if none were."""
    known = np.arange(len(scenes)) if groups is None else groups
    first = np.unique(scenes, return_index=True)[1]
    joined = np.bincount(scenes, known != known[first][scenes]) > 0
    together = int(np.count_nonzero(joined[scenes]))
    if not together:
        return ""
    return f"{together} photos show the scene of another one, and were held out together with it"


def _ranks(photos: TrainingPhotos) -> NDArray[np.int64]:
    """Returns which copies of a photo to keep first: those that the split gives to training."""
    ranks = np.zeros(len(photos.labels), np.int64)
    if photos.split is not None:
        ranks[photos.split.validation], ranks[photos.split.test] = 1, 2
    return ranks


def _without(photos: TrainingPhotos, duplicates: Duplicates, folder: ImageFolder) -> TrainingPhotos:
    """Returns the photos without those that are there several times."""
    kept = duplicates.kept
    split = photos.split and photos.split.of_rows(kept)
    labels = photos.labels[kept]
    lost = _classes_without_rows(folder, labels[split.train] if split else labels)
    if lost:
        raise ValueError(
            f"{folder.path}/ has no photo of {quoted(lost)} that is not in another class too. "
            "Remove the wrong photos, or the folder of the class."
        )
    notes = []
    if duplicates.copies:
        notes.append(_note_of_copies(photos, duplicates.copies))
    skipped = []
    for rows in duplicates.contradictions:
        for row in rows:
            others = [photos.names[other] for other in rows if other != row]
            reason = f"the same photo is in another class: {others[0]}"
            skipped.append(SkippedPhoto(folder.shown(str(photos.paths[row])), reason))
    if duplicates.contradictions:
        one, other, *_ = (photos.names[row] for row in duplicates.contradictions[0])
        number = len(duplicates.contradictions)
        warnings.warn(
            f"{counted(number, 'photo')} {'is' if number == 1 else 'are'} in two classes, and "
            f"skipped in both (for example, {one} is the same photo as {other}). Remove the wrong "
            "copies",
            stacklevel=4,
        )
    return photos._replace(
        embeddings=photos.embeddings[kept],
        labels=labels,
        paths=[photos.paths[row] for row in kept],
        names=[photos.names[row] for row in kept],
        digests=[photos.digests[row] for row in kept],
        split=split,
        scenes=photos.scenes[kept],
        skipped=photos.skipped + skipped,
        contradictions=[
            [(photos.paths[row], photos.classes[photos.labels[row]]) for row in rows]
            for rows in duplicates.contradictions
        ],
        notes=photos.notes + notes,
        other_view=None if photos.other_view is None else photos.other_view[kept],
    )


def _note_of_copies(photos: TrainingPhotos, copies: list[int]) -> str:
    count = "counts" if len(copies) == 1 else "count"
    text = f"{counted(len(copies), 'exact copy', 'exact copies')} of other photos {count} only once"
    if photos.split is None:
        return text
    tested = len(set(copies).intersection(photos.split.test.tolist()))
    return f"{text}; {tested} of them in the test part, which has no copy of a training photo now"


def _classes_without_rows(folder: ImageFolder, labels: NDArray[np.int64]) -> list[str]:
    present = set(labels.tolist())
    return [name for index, name in enumerate(folder.classes) if index not in present]
