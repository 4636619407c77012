"""Measuring which range of pixel values a float model expects, on the user's labelled photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..extraction.extractor import EmbeddingExtractor
from ..extraction.images import load_image
from ..extraction.photo_file import PhotoError
from ..heads.softmax_regression import SoftmaxRegression
from ..tflite.file import ModelFile
from ..tflite.normalization import Normalization
from .classification import Classifier
from .range_choice import (
    CANDIDATES,
    MeasuredRange,
    Score,
    Trial,
    choose_by_loss,
    choose_by_score,
)

_PER_CLASS = 20
_MAX_PHOTOS = 100
_MAX_CLASSES = 20
_FOLDS = 5
_PENALTIES = (0.03, 0.1, 0.3)
_MIN_PROBABILITY = 1e-7
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
            sample = sample or take_sample(extractor, paths, labels, opened.input_size)
            trials[candidate] = try_embeddings(opened.extract(sample.pixels), sample.labels)
    return choose_by_loss(trials, len(sample.labels) if sample else 0)


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
            sample = sample or take_sample(model, paths, folders, classifier.input_size)
            truth = class_ids(classifier)[sample.labels]
            found = classifier.scores(sample.pixels)
        scores[candidate] = Score(
            float(np.mean(found.argmax(axis=1) == truth)), float(log_losses(found, truth).mean())
        )
    return choose_by_score(scores, len(sample.labels) if sample else 0)


def take_sample(
    model: ModelFile, paths: Sequence[Path], labels: NDArray[np.int64], size: tuple[int, int]
) -> Sample:
    """Decodes some of the photos of each class; skips those that cannot be read."""
    pixels, kept = [], []
    for row in sample_rows(labels, _photos_per_class(model)):
        try:
            pixels.append(load_image(paths[row], size))
        except PhotoError:  # the job itself reports it
            continue
        kept.append(row)
    return Sample(pixels, labels[kept])


def sample_rows(labels: NDArray[np.int64], per_class: int = _PER_CLASS) -> NDArray[np.int64]:
    """Returns the rows to measure on: at most so many of each class, and at most 100 in all."""
    random = np.random.default_rng(0)
    # Some photos of a few classes tell more than one photo of each of many classes.
    classes = random.permutation(np.unique(labels))[:_MAX_CLASSES]
    each = min(per_class, _MAX_PHOTOS // len(classes))
    rows = [random.permutation(np.flatnonzero(labels == label))[:each] for label in classes]
    return np.sort(np.concatenate(rows))


def try_embeddings(embeddings: Embeddings, labels: NDArray[np.int64]) -> Trial:
    """Fits quick heads to embeddings, and measures them on those that were held out.

    The embeddings are scaled to a spread of 1, so that the losses of candidates differ only in what
    they tell about the classes.

    Args:
        embeddings: The embeddings, [N, D].
        labels: Their classes, int64 [N].

    Returns:
        The outcome; its loss is infinite if fewer than two classes have two embeddings.
    """
    found, counts = np.unique(labels, return_counts=True)
    rows = np.isin(labels, found[counts > 1])
    values, labels = np.asarray(embeddings, np.float64)[rows], labels[rows]
    if len(np.unique(labels)) < 2 or not np.isfinite(values).all():
        return Trial(float("inf"), 1.0)
    _, classes = np.unique(labels, return_inverse=True)
    folds = _folds(classes)
    losses = np.zeros((len(_PENALTIES), len(classes)))
    for fold in range(int(folds.max()) + 1):
        train, test = folds != fold, folds == fold
        center = values[train].mean(axis=0)
        spread = float(np.linalg.norm(values[train] - center)) / np.sqrt(train.sum())
        scaled = ((values - center) / (spread or 1.0)).astype(np.float32)
        for index, penalty in enumerate(_PENALTIES):
            head = SoftmaxRegression(scaled.shape[1], int(classes.max()) + 1, seed=0)
            head.fit(scaled[train], classes[train], penalty=penalty, seed=0)
            losses[index, test] = log_losses(head.predict_proba(scaled[test]), classes[test])
    return Trial(float(losses.mean(axis=1).min()), float(values.std(axis=0).mean()))


def log_losses(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Returns the negative logarithm of the probability of each photo's class, [N]."""
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(np.nan_to_num(right), _MIN_PROBABILITY, 1))


def _folds(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns a fold for each row, with the rows of a class spread over all of them."""
    folds = np.zeros(len(classes), np.int64)
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        folds[rows] = np.arange(len(rows)) % _FOLDS
    return folds


def _photos_per_class(model: ModelFile) -> int:
    """Returns fewer photos for a larger model, whose runs take longer."""
    return next((count for size, count in _BY_SIZE if len(model.content) <= size), _LEAST)
