"""Folds: parts of the rows that are held out in turn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import present_labels

FOLDS = 5
"""The number of folds."""


def fold_numbers(
    labels: NDArray[np.integer[Any]],
    groups: NDArray[np.int64] | None,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Assigns rows to folds, with about the same part of every class in each.

    Args:
        labels: The class of each row, [N].
        groups: The group of each row, [N]; the rows of a class that are in one group go to the same
            fold. None if every row is a group of its own.
        generator: Shuffles the rows.

    Returns:
        The number of the fold of each row, [N]; -1 for the only group of a class, which is never
        held out.
    """
    numbers = np.full(len(labels), -1)
    first = 0
    for label in present_labels(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        places = np.arange(len(rows)) if groups is None else _places(groups[rows])
        count = int(places.max()) + 1
        if count > 1:
            # Classes start at different folds, so that folds of small classes are of equal size.
            numbers[rows] = (first + places) % FOLDS
            first += count
    return numbers


def _places(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers groups from 0 by their first row, and returns the number of each row's group."""
    _, first, group_of_row = np.unique(groups, return_index=True, return_inverse=True)
    places: NDArray[np.int64] = np.argsort(np.argsort(first))[group_of_row]
    return places
