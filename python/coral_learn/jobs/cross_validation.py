"""Cross-validation: every photo is tested once, by a head that was trained without it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..embeddings import Embeddings
from ..heads.folds import FOLDS, fold_numbers
from .interval import Interval, accuracy_interval

MIN_TEST_PHOTOS = 50
"""With fewer test photos, an accuracy says little."""

_MIN_TEST_PHOTOS_OF_A_CLASS = 10
_MAX_WORK = 10_000_000  # rows x features x classes; above this, more fits would take too long

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The rows to train on, and the rows to test on."""


@dataclass(frozen=True)
class CrossValidation:
    """The accuracy of a head on photos that it was not trained on, over all folds.

    Attributes:
        accuracy: The fraction of photos classified correctly, in [0, 1].
        photos: The number of photos that were tested, each of them once.
        interval: The 95% confidence interval of the accuracy.
    """

    accuracy: float
    photos: int
    interval: Interval


def is_small_test(tested: NDArray[np.int64], num_classes: int) -> bool:
    """Tells whether a test is too small for a trustworthy accuracy.

    Args:
        tested: The class of each test photo.
        num_classes: The number of classes.
    """
    of_class = np.bincount(tested, minlength=num_classes)
    return len(tested) < MIN_TEST_PHOTOS or of_class.min() < _MIN_TEST_PHOTOS_OF_A_CLASS


def is_cheap(embeddings: Embeddings, num_classes: int) -> bool:
    """Tells whether a head can be fitted several times in a short time."""
    rows, features = embeddings.shape
    return rows * features * num_classes <= _MAX_WORK


def cross_validate(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    predict: Callable[[NDArray[np.int64], Embeddings], ArrayLike],
    seed: int | None,
    groups: NDArray[np.int64] | None = None,
) -> CrossValidation | None:
    """Measures a way of training a head by cross-validation.

    Args:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class of each photo, [N].
        predict: Trains a head on the given rows, and returns the classes of other embeddings.
        seed: The seed of the folds.
        groups: As for :func:`make_folds`.

    Returns:
        The accuracy, or None if no class has two different photos.
    """
    right = [
        np.asarray(predict(rows, embeddings[held_out])) == labels[held_out]
        for rows, held_out in make_folds(embeddings, labels, seed, groups)
    ]
    if not right:
        return None
    answers = np.concatenate(right)
    return CrossValidation(
        float(answers.mean()),
        len(answers),
        accuracy_interval(int(answers.sum()), len(answers)),
    )


def make_folds(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    seed: int | None,
    groups: NDArray[np.int64] | None = None,
) -> list[Fold]:
    """Splits photos into folds, with about the same part of every class in each.

    Photos of a class that are in one group, or have equal embeddings and so are copies, are tested
    in the same fold. Where these are all photos of the class, they are trained on in every fold and
    never tested.

    Args:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class of each photo, [N].
        seed: The same seed gives the same folds.
        groups: The group of each photo, [N], such as the frames of one video; None for no groups.
    """
    together = _groups_with_copies(embeddings, labels, groups)
    numbers = fold_numbers(labels, together, np.random.default_rng(seed))
    return [
        (np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold))
        for fold in range(FOLDS)
        if (numbers == fold).any()
    ]


def _groups_with_copies(
    embeddings: Embeddings, labels: NDArray[np.int64], groups: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Returns the number of each row's group, [N], where copies in a class are one group, too."""
    known: dict[tuple[int, bytes], int] = {}
    keys = zip(labels.tolist(), map(bytes, embeddings.quantized), strict=True)
    copies = np.array([known.setdefault(key, len(known)) for key in keys], np.int64)
    if groups is None:
        return copies
    _, joined = np.unique([labels, groups], axis=1, return_inverse=True)
    joined = joined.ravel()  # NumPy 2.0 keeps an axis
    for number in np.flatnonzero(np.bincount(copies) > 1):
        together = joined[copies == number]
        joined[np.isin(joined, together)] = together[0]
    return joined
