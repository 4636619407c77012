"""Folds of photos: parts that are held out in turn, without copies of what is trained on."""

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..heads.folds import FOLDS, fold_numbers

MIN_TEST_PHOTOS = 50
"""With fewer test photos, an accuracy says little."""

_MIN_TEST_PHOTOS_OF_A_CLASS = 10
_MAX_WORK = 10_000_000  # rows x features x classes; above this, more fits would take too long

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The rows to train on, and the rows to test on."""


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


def make_folds(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    seed: int | tuple[int, int] | None,
    groups: NDArray[np.int64] | None = None,
) -> list[Fold]:
    """Splits photos into folds, with about the same part of every class in each.

    Photos of a class that are in one group, or have equal embeddings and so are copies, are tested
    in the same fold. Where these are all photos of the class, they are trained on in every fold and
    never tested.

    Args:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class of each photo, [N].
        seed: The same seed gives the same folds; None gives others each time.
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
