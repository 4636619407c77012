"""Measuring which range of pixel values a float model expects, on the user's labelled photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from ..tflite.normalization import BYTES, IMAGENET, SIGNED_UNIT, UNIT, Normalization
from .classification import Classifier

CANDIDATES = (SIGNED_UNIT, UNIT, BYTES, IMAGENET)
"""The normalizations that are tried; the first one is kept where they give the same."""

_PER_CLASS = 20
_MAX_PHOTOS = 100
_MAX_CLASSES = 20
_FOLDS = 5
_PENALTIES = (0.03, 0.1, 0.3)
_MIN_PROBABILITY = 1e-7
# Between [-1, 1] and ImageNet's normalization there is little more than a factor of two of
# contrast, and [-1, 1] is far more common among TFLite models.
_IMAGENET_HANDICAP = 1.04
# A trained network gives features of a spread around this in its own range, but of hundreds or
# thousandths in another one. The handicap is for each factor of e.
_USUAL_SPREAD = 0.6
_SPREAD_HANDICAP = 0.06
_LEAST_SPREAD = 1e-6
_SAME = 0.005  # the part of a loss by which two candidates must differ
_CLOSE_ACCURACY = 0.05  # within which the loss decides
_BY_SIZE = ((4_000_000, 20), (16_000_000, 10))  # bytes of the model, photos of each class
_LEAST = 5


@dataclass(frozen=True)
class Trial:
    """How well an extractor does with a normalization.

    Attributes:
        loss: The loss of a quick head on embeddings that it was not trained on.
        spread: The mean standard deviation of a feature.
    """

    loss: float
    spread: float

    @property
    def badness(self) -> float:
        """The loss, with a handicap for features of an unusual spread."""
        ratio = max(self.spread, _LEAST_SPREAD) / _USUAL_SPREAD
        return self.loss * (1 + _SPREAD_HANDICAP * abs(float(np.log(ratio))))


@dataclass(frozen=True)
class Score:
    """How well a classifier does with a normalization.

    Attributes:
        accuracy: The fraction of right answers, in [0, 1].
        loss: The mean of the negative logarithms of the probabilities of the right classes.
    """

    accuracy: float
    loss: float


@dataclass(frozen=True)
class MeasuredRange:
    """The normalization that was measured.

    Attributes:
        normalization: The normalization that did best.
        note: One line that says so.
    """

    normalization: Normalization
    note: str


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
        labels: Their classes, int64 [N], of at least two classes.
    """
    values = np.asarray(embeddings, np.float64)
    if not np.isfinite(values).all():
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


def choose_by_loss(trials: Mapping[Normalization, Trial], photos: int) -> MeasuredRange:
    """Chooses the range with the least held-out loss, and with features of a usual spread.

    Args:
        trials: The outcome with each candidate.
        photos: The number of photos that it was measured on.
    """
    badness = {each: trial.badness for each, trial in trials.items()}
    badness[IMAGENET] *= _IMAGENET_HANDICAP
    losses = {each: trial.loss for each, trial in trials.items()}
    figures = {each: f"{loss:.2f}" for each, loss in losses.items()}
    best = min(badness, key=lambda each: badness[each])
    least = min(losses.values())
    alike = [trial.spread for trial in trials.values()]
    if not least < max(losses.values()) * (1 - _SAME) and max(alike) <= 2 * min(alike):
        return MeasuredRange(SIGNED_UNIT, _undecided(photos, "held-out loss", figures))
    gave = "gave the lowest held-out loss"
    if figures[best] != f"{least:.2f}":
        gave = "gave features of the usual size and about the lowest held-out loss"
    return MeasuredRange(best, _decided(best, gave, photos, figures))


def choose_by_score(scores: Mapping[Normalization, Score], photos: int) -> MeasuredRange:
    """Chooses the range with the highest accuracy, or the least loss among those that come close.

    Args:
        scores: The score with each candidate.
        photos: The number of photos that it was measured on.
    """
    highest = max(score.accuracy for score in scores.values())
    close = [each for each in scores if scores[each].accuracy >= highest - _CLOSE_ACCURACY]
    best = min(close, key=lambda each: scores[each].loss)
    figures = {each: f"{score.accuracy:.0%}" for each, score in scores.items()}
    if scores[SIGNED_UNIT] == scores[best]:
        best = SIGNED_UNIT
    if len({(score.accuracy, round(score.loss, 3)) for score in scores.values()}) == 1:
        return MeasuredRange(best, _undecided(photos, "accuracy", figures))
    gave = "gave the best accuracy and probabilities"
    return MeasuredRange(best, _decided(best, gave, photos, figures))


def _decided(
    best: Normalization, gave: str, photos: int, figures: Mapping[Normalization, str]
) -> str:
    others = ", ".join(f"{each} {figure}" for each, figure in figures.items() if each != best)
    return (
        f"the model does not declare its input range; {best} {gave} on {photos} photos "
        f"({figures[best]}; {others})"
    )


def _undecided(photos: int, what: str, figures: Mapping[Normalization, str]) -> str:
    listed = ", ".join(f"{each} {figure}" for each, figure in figures.items())
    return (
        f"the model does not declare its input range, and the {what} on {photos} photos does not "
        f"tell it ({listed}); {SIGNED_UNIT} is assumed. Give another with --input-range"
    )


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
