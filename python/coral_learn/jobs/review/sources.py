"""Where the photos of a review come from: folders of photos, or the record beside a model."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...dataset.entries import photos_below
from ...dataset.folder import ImageFolder
from ...extraction.builtin_extractor import open_or_builtin
from ...extraction.cache import EmbeddingCache
from ...extraction.photo_rows import SkippedPhoto
from ...progress import StageProgress
from ...tflite.file import ModelFile, ModelSource
from ...tflite.image_shape import InputSize
from ...tflite.normalization import Normalization
from ...tflite.open_extractor import open_extractor
from ...tflite.resize_note import read_view
from ...tflite.resizing import View
from ...words import counted, quoted
from ..photo_record import RECORD_NAME, read_record
from ..saved_model import MODEL_NAMES
from ..training_photos import list_photos
from .embedder import Embedder
from .photos import Photo, ReviewedPhotos


@dataclass(frozen=True)
class Extraction:
    """How a user wants photos to be seen.

    Attributes:
        extractor: The embedding extractor or classifier; None for the built-in one, or for the one
            that the model or the project has.
        device: The device, as for :class:`coral_learn.EmbeddingExtractor`.
        cache: The cache for embeddings, or None.
        input_size: The size of the input, for an extractor that takes images of any size.
        normalization: How pixels are normalized; None for what the extractor says, or is measured.
        view: How photos are resized; None for what the extractor says.
        progress: Called with the stage, the number of photos done, and the total.
    """

    extractor: ModelSource | None = None
    device: str | None = None
    cache: EmbeddingCache | None = None
    input_size: InputSize | None = None
    normalization: Normalization | None = None
    view: View | None = None
    progress: StageProgress = lambda stage, done, total: None

    def report(self, done: int, total: int | None) -> None:
        """Reports how many photos were read."""
        self.progress("extract", done, total or 0)

    def embedder(self, model: ModelFile, normalization: Normalization | None = None) -> Embedder:
        """Returns the extractor to use, given what reads the photos."""
        view = self.view or read_view(model)
        return Embedder(model, self.device, self.cache, self.normalization or normalization, view)


def model_in(path: Path) -> Path | None:
    """Returns the retrained model that a path stands for: a file, or the folder that it is in."""
    if path.is_dir():
        return next((path / name for name in MODEL_NAMES if (path / name).is_file()), None)
    return path if path.suffix.lower() == ".tflite" else None


def read_folder(
    data_dir: Path, extraction: Extraction, unlabelled: Path | None = None
) -> ReviewedPhotos:
    """Returns the photos of a data set with their embeddings.

    Args:
        data_dir: What :class:`coral_learn.ImageFolder` reads, with at least two classes.
        extraction: How to see the photos.
        unlabelled: A folder of unlabelled photos.

    Raises:
        ValueError: The photos cannot be used.
        ModelError: The extractor cannot be used.
    """
    folder = list_photos(data_dir)
    source = open_or_builtin(extraction.extractor, extraction.input_size)
    model, notes = open_extractor(source)
    measured = None
    if extraction.normalization is None and model.has_unknown_range:
        from ..input_range import measure_on_folder  # rarely needed

        found_range = measure_on_folder(model, folder, device=extraction.device)
        measured, notes = found_range.normalization, [*notes, found_range.note]
    embedder = extraction.embedder(model, measured)
    found = embedder.embed(folder.paths, extraction.report)
    if not len(found.kept):
        raise ValueError(
            f"{data_dir} has no photo that can be read (for example, {found.skipped[0]}). "
            "Replace the photos."
        )
    photos = [
        Photo(folder.paths[row], folder.shown(str(folder.paths[row])), folder.classes[label])
        for row, label in zip(found.kept, folder.labels[found.kept], strict=True)
    ]
    reviewed = ReviewedPhotos(
        photos=photos,
        classes=folder.classes,
        labels=folder.labels[found.kept],
        embeddings=found.rows,
        digests=found.digests,
        groups=None if folder.groups is None else folder.groups[found.kept],
        folder=_movable_folder(folder),
        skipped=[SkippedPhoto(folder.shown(each.path), each.reason) for each in found.skipped],
        notes=[*notes, *folder.notes],
    )
    return with_unlabelled(reviewed, unlabelled, embedder, extraction)


def read_model(
    model: Path, photos: Path | None, extraction: Extraction, unlabelled: Path | None = None
) -> ReviewedPhotos:
    """Returns the photos that a model was trained and tested on, with their embeddings.

    Args:
        model: A retrained model, beside which ``photos.csv`` lies.
        photos: The folder that the photos were trained from.
        extraction: How to see the photos; by default as the model does.
        unlabelled: A folder of unlabelled photos.

    Raises:
        ValueError: The record is missing or damaged, or names photos that are not there.
        ModelError: The model cannot be used.
    """
    record = model.parent / RECORD_NAME
    rows = read_record(model)
    if photos is None:
        raise ValueError(
            f"{record} lists the photos of {model} by their paths below the folder that they were "
            "trained from, but not that folder: give it with --photos DIR. (To review any folder "
            "of photos: `coral-learn review DIR`.)"
        )
    opened, notes = open_extractor(
        open_or_builtin(extraction.extractor or model, extraction.input_size)
    )
    there = [row for row in rows if (photos / row.name).is_file()]
    if not there:
        raise ValueError(
            f"none of the {counted(len(rows), 'photo')} that {record} lists is in {photos} (for "
            f"example, {rows[0].name}). Give the folder that they were trained from with --photos."
        )
    embedder = extraction.embedder(opened)
    found = embedder.embed([photos / row.name for row in there], extraction.report)
    kept = [there[row] for row in found.kept]
    classes = sorted({row.label for row in kept})
    if len(classes) < 2:
        raise ValueError(f"the photos of {record} that are in {photos} are all {quoted(classes)}")
    changed = sum(row.digest != digest for row, digest in zip(kept, found.digests, strict=True))
    if changed:
        notes = [*notes, f"{counted(changed, 'photo')} changed since {model} was trained"]
    missing = [
        SkippedPhoto(row.name, f"it is not in {photos} any more")
        for row in rows
        if not (photos / row.name).is_file()
    ]
    reviewed = ReviewedPhotos(
        photos=[Photo(photos / row.name, str(photos / row.name), row.label) for row in kept],
        classes=classes,
        labels=np.array([classes.index(row.label) for row in kept], np.int64),
        embeddings=found.rows,
        digests=found.digests,
        folder=photos,
        skipped=[*missing, *found.skipped],
        notes=notes,
    )
    return with_unlabelled(reviewed, unlabelled, embedder, extraction)


def with_unlabelled(
    reviewed: ReviewedPhotos, folder: Path | None, embedder: Embedder, extraction: Extraction
) -> ReviewedPhotos:
    """Returns labelled photos together with the unlabelled ones of a folder.

    Copies of labelled photos, and further copies of unlabelled ones, are left out.

    Raises:
        ValueError: The folder has no photos, or none that can be read.
    """
    if folder is None:
        return reviewed
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder. Give the folder of the unlabelled photos.")
    paths = photos_below(folder)
    found = embedder.embed(paths, extraction.report) if paths else None
    if found is None or not len(found.kept):
        raise ValueError(f"{folder} has no photo that can be read. Give a folder of photos.")
    seen = set(reviewed.digests)
    new = []
    for row, digest in enumerate(found.digests):
        if digest not in seen:
            new.append(row)
            seen.add(digest)
    notes = reviewed.notes
    if len(new) < len(found.kept):
        left_out = counted(len(found.kept) - len(new), "unlabelled photo")
        notes = [*notes, f"{left_out} left out: exact copies of labelled or other photos"]
    files = [paths[found.kept[row]] for row in new]
    return replace(
        reviewed,
        unlabelled=[Photo(path, str(path), "") for path in files],
        unlabelled_embeddings=found.rows[new],
        skipped=[*reviewed.skipped, *found.skipped],
        notes=notes,
    )


def _movable_folder(folder: ImageFolder) -> Path | None:
    """Returns the folder of class folders; None for archives, listings and frames of videos."""
    if not folder.path.is_dir() or folder.groups is not None:
        return None
    return folder.path
