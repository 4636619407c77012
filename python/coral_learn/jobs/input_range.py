"""Measuring which range of pixel values a float model expects, on the user's labelled photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset.folder import ImageFolder
from ..embeddings import Embeddings
from ..extraction.extractor import EmbeddingExtractor
from ..extraction.images import load_image
from ..extraction.photo_file import PhotoError
from ..tflite.file import ModelFile
from ..tflite.normalization import Normalization
from ..tflite.resizing import View
from .classification import Classifier
from .quick_head import held_out_loss, log_losses, sample_photos, sample_rows
from .range_choice import (
    CANDIDATES,
    MeasuredRange,
    Score,
    Trial,
    choose_by_loss,
    choose_by_score,
)

_BY_SIZE = ((4_000_000, 20), (16_000_000, 10))  # bytes of the model, photos of each class
_LEAST = 5


@dataclass(frozen=True)
class Sample:
    """Photos to measure on.

    Attributes:
        pixels: The photos, decoded and in the size of the model's input.
        labels: Their classes, int64 [N].
    """

    pixels: list[NDArray[np.uint8]]
    labels: NDArray[np.int64]


def measure_extractor(
    extractor: ModelFile,
    paths: Sequence[Path],
    labels: NDArray[np.int64],
    *,
    device: str | None,
) -> MeasuredRange:
    """Measures the range of an extractor by the held-out loss of a quick head for each range.

    Args:
        extractor: The extractor, of which nothing else tells the range.
        paths: Photos of at least two classes.
        labels: Their classes, int64 [N].
        device: A device as for :class:`coral_learn.EmbeddingExtractor`.

    Raises:
        EdgeTpuError: The device failed.
    """
    sample: Sample | None = None
    trials = {}
    for candidate in CANDIDATES:
        with EmbeddingExtractor(extractor, device=device, normalization=candidate) as opened:
            sample = sample or take_sample(
                extractor, paths, labels, opened.input_size, opened.resize
            )
            trials[candidate] = try_embeddings(opened.extract(sample.pixels), sample.labels)
    return choose_by_loss(trials, len(sample.labels) if sample else 0)


def measure_on_folder(
    extractor: ModelFile, folder: ImageFolder, *, device: str | None
) -> MeasuredRange:
    """Measures the range of an extractor as :func:`measure_extractor`, on photos of a folder."""
    paths, labels = sample_photos(folder)
    return measure_extractor(extractor, paths, labels, device=device)


def measure_classifier(
    model: ModelFile,
    paths: Sequence[Path],
    folders: NDArray[np.int64],
    open_classifier: Callable[[Normalization], Classifier],
    class_ids: Callable[[Classifier], NDArray[np.int64]],
) -> MeasuredRange:
    """Measures the range of a classifier by its accuracy, and by its loss where that is close.

    Args:
        model: The classifier, of which nothing else tells the range.
        paths: Labelled photos.
        folders: The index of the class folder of each photo, int64 [N].
        open_classifier: Opens the classifier with a normalization.
        class_ids: Returns the model's class index for each class folder.

    Raises:
        EdgeTpuError: The device failed.
    """
    sample: Sample | None = None
    scores = {}
    for candidate in CANDIDATES:
        with open_classifier(candidate) as classifier:
            sample = sample or take_sample(
                model, paths, folders, classifier.input_size, classifier.resize
            )
            truth = class_ids(classifier)[sample.labels]
            found = classifier.scores(sample.pixels)
        scores[candidate] = Score(
            float(np.mean(found.argmax(axis=1) == truth)), float(log_losses(found, truth).mean())
        )
    return choose_by_score(scores, len(sample.labels) if sample else 0)


def take_sample(
    model: ModelFile,
    paths: Sequence[Path],
    labels: NDArray[np.int64],
    size: tuple[int, int],
    resize: View,
) -> Sample:
    """Decodes some of the photos of each class; skips those that cannot be read."""
    pixels, kept = [], []
    for row in sample_rows(labels, _photos_per_class(model)):
        try:
            pixels.append(load_image(paths[row], size, resize=resize))
        except PhotoError:  # the job itself reports it
            continue
        kept.append(row)
    return Sample(pixels, labels[kept])


def try_embeddings(embeddings: Embeddings, labels: NDArray[np.int64]) -> Trial:
    """Measures how well embeddings tell their classes apart, and how far they spread.

    Args:
        embeddings: The embeddings, [N, D].
        labels: Their classes, int64 [N].
    """
    spread = float(np.asarray(embeddings, np.float64).std(axis=0).mean())
    return Trial(held_out_loss(embeddings, labels), spread if np.isfinite(spread) else 1.0)


def _photos_per_class(model: ModelFile) -> int:
    """Returns fewer photos for a larger model, whose runs take longer."""
    return next((count for size, count in _BY_SIZE if len(model.content) <= size), _LEAST)
