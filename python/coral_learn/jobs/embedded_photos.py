"""Learning from photos that ``coral-learn embed`` has embedded before."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..embedded.folder import EmbeddedFolder
from ..embedded.format import Description
from ..embedded.image_folder import read_images
from ..extraction.photo_rows import PhotoRows
from ..progress import Progress
from ..tflite.extractor_note import extractor_digest
from ..tflite.file import ModelFile
from ..tflite.normalization import parse_normalization
from ..tflite.open_extractor import OpenedExtractor
from ..tflite.resize_note import with_resize
from ..tflite.resizing import Resize
from ..words import quoted
from .learning_photos import LearningPhotos, PhotoSettings
from .stored_scores import score_embeddings
from .training_photos import TrainingPhotos, take_training_photos

DEVICE = "embedded before"
"""In the place of the device that ran an extractor."""

TESTED = "the embeddings were made before: the saved model was tested on them, not on the photos"


def open_embedded(
    data_dir: str | os.PathLike[str], opened: OpenedExtractor | None, settings: PhotoSettings
) -> EmbeddedFolder:
    """Opens a folder of embedded photos to learn from.

    Raises:
        ValueError: It is of another extractor, was made with other settings, or has one class;
            pyarrow is not installed.
    """
    folder = EmbeddedFolder(data_dir)
    if opened is None or settings.none_of_these:
        option = "--tensor auto" if opened is None else "--none-of-these"
        raise ValueError(
            f"{option} needs the photos themselves, and {folder.path} has embeddings. Train on "
            "the photos, or leave it out."
        )
    check_extractor(folder, opened.model)
    _check_settings(folder, settings)
    if len(folder.classes()) < 2:
        raise ValueError(
            f"{folder.path} has only one class ({quoted(folder.classes())}). Embed photos of "
            "others, too."
        )
    return folder


def check_extractor(folder: EmbeddedFolder, extractor: ModelFile) -> None:
    """Checks that the embeddings in a folder are of an extractor.

    Raises:
        ValueError: They are of another one.
    """
    digest = extractor_digest(extractor)
    if digest != folder.description.extractor:
        raise ValueError(
            f"{folder.path} has embeddings of {folder.description.named_extractor}, not of "
            f"{Path(extractor.name).name} (sha256 {digest[:12]}...). Give that extractor with "
            "--extractor, or embed the photos with this one."
        )


def _check_settings(folder: EmbeddedFolder, settings: PhotoSettings) -> None:
    description = folder.description
    if settings.resize not in (None, description.resize):
        raise ValueError(
            f"{folder.path} was made with --resize {description.resize}, not {settings.resize}. "
            "Leave out --resize, or embed the photos again."
        )
    given = settings.normalization
    if given is not None and str(given) != description.input_range:
        raise ValueError(
            f"{folder.path} was made with --input-range {description.input_range or 'left out'}, "
            f"not {given}. Leave it out, or embed the photos again."
        )


@dataclass(frozen=True)
class PhotosEmbedded:
    """A folder of embedded photos that was opened, and is not read yet.

    Attributes:
        embedded: The folder.
        opened: The extractor.
    """

    embedded: EmbeddedFolder
    opened: OpenedExtractor

    @property
    def path(self) -> Path:
        """The folder."""
        return self.embedded.path

    def take(self, progress: Progress) -> LearningPhotos:
        """Reads the embeddings."""
        images = read_images(self.embedded)
        count = len(images.folder)
        found = PhotoRows([images.embeddings], np.arange(count), [], images.digests)
        photos = take_training_photos(images.folder, found)
        progress(count, count)
        return LearningPhotos(
            images.folder,
            photos,
            seen_as(self.embedded.description, self.opened.model),
            self.embedded.description.extractor,
            DEVICE,
            cast("Resize", self.embedded.description.resize),
            [*self.opened.notes, *photos.notes, TESTED],
            functools.partial(test_embedded, photos),
        )


def seen_as(description: Description, extractor: ModelFile) -> ModelFile:
    """Returns an extractor with notes about how it saw the photos that were embedded."""
    seen = with_resize(extractor, cast("Resize", description.resize))
    if not description.input_range:
        return seen
    return seen.with_normalization(parse_normalization(description.input_range))


def test_embedded(
    photos: TrainingPhotos,
    model: ModelFile,
    rows: NDArray[np.int64],
    report: Callable[[int, int], None],
) -> PhotoRows[NDArray[np.float32]]:
    """Runs the head of a saved model on some of the embeddings."""
    classes: Sequence[str] = photos.classes
    scores = score_embeddings(model, photos.embeddings[rows], list(classes), report)
    return PhotoRows(scores, np.arange(len(rows)), [], [])
