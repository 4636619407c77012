"""Folds: parts of the rows that are held out in turn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import present_labels
from ..embeddings import Embeddings

FOLDS = 5
"""The number of folds."""

MAX_WORK_FOR_FOLDS = 10_000_000
"""Rows x features x classes; above this, it takes too long to fit a head several times."""

FoldRows = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The rows of one fold: those to train on, and those to hold out."""


def is_cheap(embeddings: Embeddings, num_classes: int) -> bool:
    """Tells whether a head can be fitted several times in a short time."""
    rows, features = embeddings.shape
    return rows * features * num_classes <= MAX_WORK_FOR_FOLDS


def make_folds(
    labels: NDArray[np.integer[Any]],
    groups: NDArray[np.int64] | None,
    generator: np.random.Generator,
) -> list[FoldRows]:
    """Splits rows into folds, as :func:`fold_numbers` does.

    Returns:
        The folds, at most 5; none if no class has rows that can be held out.
    """
    numbers = fold_numbers(labels, groups, generator)
    return [
        (np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold))
        for fold in range(FOLDS)
        if (numbers == fold).any()
    ]


def fold_numbers(
    labels: NDArray[np.integer[Any]],
    groups: NDArray[np.int64] | None,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Assigns rows to folds, with about the same part of every class in each.

    Args:
        labels: The class of each row, [N].
        groups: The group of each row, [N], such as its scene: all rows of a group go to the same
            fold, whatever their classes. None if every row is a group of its own.
        generator: Shuffles the rows.

    Returns:
        The number of the fold of each row, [N]; -1 for rows that are never held out: those of a
        class that would all be in one fold, such as its only row, and the others of their groups.
    """
    numbers = np.full(len(labels), -1)
    stratum = labels if groups is None else _labels_of_groups(labels, groups)
    first = 0
    for label in present_labels(stratum):
        rows = generator.permutation(np.flatnonzero(stratum == label))
        places = np.arange(len(rows)) if groups is None else _places(groups[rows])
        # Classes start at different folds, so that folds of small classes are of equal size.
        numbers[rows] = (first + places) % FOLDS
        count = int(places.max()) + 1
        first += count if count > 1 else 0
    for label in present_labels(labels):
        rows = np.flatnonzero(labels == label)
        if (numbers[rows] == numbers[rows[0]]).all():
            numbers[rows if groups is None else np.isin(groups, groups[rows])] = -1
    return numbers


def _labels_of_groups(
    labels: NDArray[np.integer[Any]], groups: NDArray[np.int64]
) -> NDArray[np.integer[Any]]:
    """Returns for each row the class of the first row of its group, [N]."""
    _, first, group_of_row = np.unique(groups, return_index=True, return_inverse=True)
    return labels[first][group_of_row.ravel()]


def _places(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers groups from 0 by their first row, and returns the number of each row's group."""
    _, first, group_of_row = np.unique(groups, return_index=True, return_inverse=True)
    places: NDArray[np.int64] = np.argsort(np.argsort(first))[group_of_row]
    return places
