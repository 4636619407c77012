"""Measuring the head of a project on photos that are held out."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dataset.split import split_by_class
from ..embeddings import Embeddings
from ..heads.familiarity import fit_familiarity
from ..heads.folds import FoldRows, is_cheap, make_folds
from ..heads.records import FitRecord
from ..heads.refit import refit
from ..heads.scenes import number_scenes
from ..jobs.sample_size import is_small_test
from ..tflite.familiarity_note import FamiliarityNote
from .photo_views import part_of_rows, stacked
from .training import SEED

_VALIDATION_FRACTION = 0.2
_PASSING_FRACTION = 0.95  # of the correct answers have at least the probability of the threshold


class Validation(NamedTuple):
    """What held-out photos show about a head.

    Attributes:
        accuracy: The accuracy on held-out photos, or None if no photos were held out.
        tested: The number of held-out photos.
        threshold: 95% of the correct answers on held-out photos have a higher probability.
    """

    accuracy: float | None
    tested: int
    threshold: float


def validate(
    record: FitRecord,
    rows: Embeddings,
    labels: NDArray[np.int64],
    classes: int,
    views: int = 1,
    check: Callable[[], object] = bool,
    scenes: NDArray[np.int64] | None = None,
) -> Validation:
    """Measures heads that were trained as another one, but without some of the photos.

    Photos of one scene are held out together.

    Args:
        record: How the head was fitted.
        rows: The embeddings of the views of each photo, [N, V x D]; the first view is the one that
            the model will see, and is measured.
        labels: The class of each photo, [N].
        classes: The number of classes, at least 2.
        views: V.
        check: Called from time to time; an error that it raises ends the measuring.
        scenes: The scene of each photo, [N], if it is known already.
    """
    parts = [part_of_rows(rows, index, views) for index in range(views)]
    embeddings = parts[0]
    if scenes is None:
        scenes = number_scenes(embeddings, labels)
    right: list[NDArray[np.bool_]] = []
    confidence: list[NDArray[np.float32]] = []
    for trained, held_out in _folds(embeddings, labels, scenes, classes):
        check()
        views_of_part = stacked([part[trained] for part in parts])
        other = refit(record, views_of_part, np.tile(labels[trained], views), classes, seed=SEED)
        scores = other.predict_proba(embeddings[held_out])
        right.append(scores.argmax(axis=1) == labels[held_out])
        confidence.append(scores.max(axis=1))
    if not right:
        return Validation(None, 0, 0.0)
    correct, probabilities = np.concatenate(right), np.concatenate(confidence)
    threshold = 0.0
    if correct.any():
        threshold = float(np.quantile(probabilities[correct], 1 - _PASSING_FRACTION))
    return Validation(float(correct.mean()), len(correct), threshold)


def measure_familiarity(
    rows: Embeddings,
    labels: NDArray[np.int64],
    views: int = 1,
    check: Callable[[], object] = bool,
) -> FamiliarityNote | None:
    """Returns what a model of these photos knows of them; see :func:`validate`."""
    embeddings = part_of_rows(rows, 0, views)
    folds = make_folds(labels, number_scenes(embeddings, labels), np.random.default_rng(SEED))
    return fit_familiarity(embeddings, labels, folds, check)


def _folds(
    embeddings: Embeddings, labels: NDArray[np.int64], scenes: NDArray[np.int64], classes: int
) -> list[FoldRows]:
    """Returns one fold that holds out a fifth, or folds for cross-validation if that is small."""
    split = split_by_class(labels, 0, _VALIDATION_FRACTION, SEED, scenes)
    if is_small_test(labels[split.test], classes) and is_cheap(embeddings, classes):
        return make_folds(labels, scenes, np.random.default_rng(SEED))
    return [(split.train, split.test)] if len(split.test) else []
