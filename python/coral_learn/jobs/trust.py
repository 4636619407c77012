"""How far the answers of a trained head can be relied on, by photos that were held out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import ProbabilityMatrix
from ..dataset.split import Split
from ..embeddings import Embeddings
from ..heads.familiarity import fit_familiarity
from ..heads.folds import make_folds
from ..heads.label_errors import Doubts, doubt_again
from ..tflite.answers import AnswerNotes
from ..tflite.quantization import probability_quantization
from .conformal import own_class_quantiles
from .cross_validation import CrossValidation, cross_validation_of
from .held_out import HeldOutScores, score_held_out
from .learning_curve import LearningCurve, measure_learning_curve
from .methods import TrainedHead
from .sample_size import MIN_TEST_PHOTOS
from .stranger_test import StrangerTest, measure_strangers
from .threshold import Threshold, choose_threshold
from .training_photos import TrainingPhotos


class Trust(NamedTuple):
    """How far the answers of a trained head can be relied on.

    Attributes:
        cross_validated: The accuracy by cross-validation; None if training again takes too long.
        learning_curve: What more photos would bring; None likewise, with few photos, or if the head
            is hardly better than chance.
        confusion: The number of photos by true class (row) and class named by heads trained
            without them (column), [C, C]; None if it was not measured.
        threshold: The threshold for the precision that was wished for; None without a wish.
        notes: What the model is to say about its answers, and to know of its training photos.
        strangers: How well photos of other classes are told from those of the model; None if it was
            not measured.
        doubts: How much the labels of the photos that are not drawn are doubted; None if it was not
            measured.
    """

    cross_validated: CrossValidation | None
    learning_curve: LearningCurve | None
    confusion: NDArray[np.float64] | None
    threshold: Threshold | None
    notes: AnswerNotes
    strangers: StrangerTest | None = None
    doubts: Doubts | None = None


def measure_trust(
    trained: TrainedHead,
    photos: TrainingPhotos,
    split: Split,
    seed: int | None,
    precision: float | None,
) -> Trust:
    """Measures how far answers can be relied on, and how well strangers are noticed.

    The way of training is measured by cross-validation, or else the head on photos of the split.

    Args:
        trained: The trained head.
        photos: All photos.
        split: The parts of the photos that the head was trained and not trained on.
        seed: The seed of the folds.
        precision: The fraction of answers that are to be right, in (0, 1], or None.

    Raises:
        ValueError: No threshold gives the precision, or no photos are held out to find it.
    """
    trust = _measure_answers(trained, photos, split, seed, precision)
    embeddings, labels, scenes = _data(photos)
    folds = make_folds(labels, scenes, np.random.default_rng(seed))
    known = fit_familiarity(embeddings, labels, folds)
    return trust._replace(
        notes=trust.notes._replace(familiarity=known),
        strangers=measure_strangers(embeddings, labels, photos.classes, folds),
    )


def _data(
    photos: TrainingPhotos,
) -> tuple[Embeddings, NDArray[np.int64], NDArray[np.int64]]:
    """Returns the embeddings, labels and scenes of all photos that are not drawn."""
    real = photos.real
    return photos.embeddings[real], photos.labels[real], photos.scenes[real]


def _measure_answers(
    trained: TrainedHead,
    photos: TrainingPhotos,
    split: Split,
    seed: int | None,
    precision: float | None,
) -> Trust:
    curve = validated = confusion = doubts = None
    train_again = trained.train_again
    scores = None
    if train_again is not None:

        def score(rows: NDArray[np.int64], others: Embeddings) -> ProbabilityMatrix:
            trained_on = np.concatenate([photos.real[rows], photos.drawn])
            return train_again(photos.rows_of_views(trained_on)).predict_proba(others)

        embeddings, labels, scenes = _data(photos)
        scores = score_held_out(embeddings, labels, score, seed, scenes)
        if scores is not None:
            validated = cross_validation_of(scores, photos.classes)
            confusion = scores.confusion
            first = scores.by_photo(labels)
            generator = np.random.default_rng(seed)
            doubts = doubt_again(embeddings, labels, score, scenes, first, generator, repeats=1)
            if scores.num_photos >= MIN_TEST_PHOTOS:
                curve = measure_learning_curve(embeddings, labels, score, scores, seed, scenes)
    if scores is None:
        scores = _score_split(trained, photos, split)
    if scores is None:
        if precision is not None:
            raise ValueError(
                "a threshold needs photos that are held out, and there are none: give each class "
                "at least two photos, or keep some for the test"
            )
        return Trust(validated, curve, confusion, None, AnswerNotes())
    scores = _as_stored(scores, photos.embeddings.quantized.dtype)
    threshold = None if precision is None else choose_threshold(scores, precision)
    lowest = None if threshold is None else threshold.probability
    notes = AnswerNotes(lowest, own_class_quantiles(scores.of_own_class, scores.num_independent))
    return Trust(validated, curve, confusion, threshold, notes, doubts=doubts)


def _as_stored(scores: HeldOutScores, dtype: np.dtype[Any]) -> HeldOutScores:
    """Returns the scores as the saved model gives them, which has 256 values in an 8-bit model."""
    if dtype == np.float32:
        return scores
    stored = probability_quantization(dtype)
    probabilities = stored.dequantize(stored.quantize(scores.probabilities)).astype(np.float32)
    return scores._replace(probabilities=probabilities)


def _score_split(
    trained: TrainedHead, photos: TrainingPhotos, split: Split
) -> HeldOutScores | None:
    """Returns the head's scores of the photos that it was not trained on, if there are any."""
    rows = np.concatenate([split.validation, split.test])
    if not len(rows):
        return None
    probabilities = trained.head.predict_proba(photos.embeddings[rows])
    return HeldOutScores(probabilities, photos.labels[rows], rows, photos.scenes[rows])
