"""Cross-validation: every photo is tested once, by a head that was trained without it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..embeddings import Embeddings
from .interval import Interval, accuracy_interval

MIN_TEST_PHOTOS = 50
"""With fewer test photos, an accuracy says little."""

_MIN_TEST_PHOTOS_OF_A_CLASS = 10
_FOLDS = 5
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
    generator = np.random.default_rng(seed)
    numbers = np.full(len(labels), -1)  # the fold in which each row is tested
    first = 0
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        together = _rows_together(rows.tolist(), embeddings, groups)
        if len(together) > 1:
            # Classes start at different folds, so that folds of small classes are of equal size.
            for number, group in enumerate(together, start=first):
                numbers[group] = number % _FOLDS
            first += len(together)
    return [
        (np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold))
        for fold in range(_FOLDS)
        if (numbers == fold).any()
    ]


def _rows_together(
    rows: list[int], embeddings: Embeddings, groups: NDArray[np.int64] | None
) -> list[list[int]]:
    """Returns the rows that must stay together: those of one group, and copies."""
    members: dict[int, list[int]] = {}
    leaders: dict[bytes | int, int] = {}  # what a row has in common with others, and their first
    for row in rows:
        keys: list[bytes | int] = [embeddings.quantized[row].tobytes()]
        if groups is not None:
            keys.append(int(groups[row]))
        found = {leaders[key] for key in keys if key in leaders}
        leader = min(found, default=row)
        members.setdefault(leader, []).append(row)
        for other in found - {leader}:
            members[leader] += members.pop(other)
            leaders.update({key: leader for key, value in leaders.items() if value == other})
        leaders.update(dict.fromkeys(keys, leader))
    return list(members.values())
