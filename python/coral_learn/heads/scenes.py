"""Scenes: rows that must be held out together, because one of them tells the answer of another."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from .near_duplicates import NEAR_DUPLICATE_COSINE, NearDuplicates, find_near_duplicates

MIN_FEATURES = 16
"""With fewer features, near-duplicates are not looked for: all directions are similar."""

# The lowest cosine of two photos of one scene, as of near-duplicates. Of flowers that were copied
# with small changes, 0.85 finds half of the scenes whole and 0.7 finds 95%. In a class where that
# joins what is merely similar, the next limit is taken.
_LIMITS = (0.7, NEAR_DUPLICATE_COSINE, np.inf)
_GAP = 0.6  # where scenes differ, there are fewer pairs between this and the first limit than above
_MAX_PART = 0.5  # of a class in one scene: a class that looks so uniform has no such scenes
_MAX_WORK = 100_000_000_000  # rows x rows x features; above this, a search would take too long


def are_too_many(embeddings: Embeddings) -> bool:
    """Tells whether there are so many rows that near-duplicates are not looked for."""
    rows, features = embeddings.shape
    return rows * rows * features > _MAX_WORK


def number_scenes(
    embeddings: Embeddings,
    labels: NDArray[np.integer[Any]],
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Returns the number of the scene of each row, from 0, int64 [N].

    Rows are one scene if they are copies or near-duplicates, whatever their classes, or in one
    group. Near-duplicates must be more similar in a class where the similarity of rows has no gap,
    or of which most rows would be one scene, or else count as different. They are not looked for if
    there are very many rows, or fewer than 16 features.

    Args:
        embeddings: The embeddings, [N, D].
        labels: The class of each, [N].
        groups: The group of each, [N], such as the frames of one video; None for no groups.
    """
    base = number_copies(embeddings, groups)
    if are_too_many(embeddings) or embeddings.shape[1] < MIN_FEATURES:
        return base
    near = find_near_duplicates(embeddings, labels, min_cosine=_GAP)
    return _joined_scenes(base, labels, near)


def number_copies(embeddings: Embeddings, groups: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Returns a number for each row, from 0, int64 [N]: the same for copies, and for a group.

    Args:
        embeddings: The embeddings, [N, D].
        groups: The group of each, [N]; None for no groups.
    """
    known: dict[bytes, int] = {}
    keys = map(bytes, embeddings.quantized)
    numbers = np.array([known.setdefault(key, row) for row, key in enumerate(keys)], np.int64)
    if groups is not None:
        order = np.argsort(groups, kind="stable")
        same = np.flatnonzero(np.diff(groups[order]) == 0)
        numbers = _linked(numbers, order[same], order[same + 1])
    return _from_zero(numbers)


def _joined_scenes(
    base: NDArray[np.int64], labels: NDArray[np.integer[Any]], near: NearDuplicates
) -> NDArray[np.int64]:
    """Joins the scenes of near-duplicates, by a higher limit where classes look uniform."""
    numbers = np.unique(labels, return_inverse=True)[1].ravel()
    rows_of_classes = [np.flatnonzero(numbers == number) for number in range(numbers.max() + 1)]
    levels = _first_levels(numbers, near)  # the place of the limit of each class
    while True:
        of_rows = levels[numbers]
        limits = np.array(_LIMITS)[np.maximum(of_rows[near.first], of_rows[near.second])]
        linked = near.cosines >= limits
        scenes = _linked(base, near.first[linked], near.second[linked])
        uniform = [
            number
            for number, rows in enumerate(rows_of_classes)
            if levels[number] < len(_LIMITS) - 1
            and _largest(scenes[rows]) > max(_MAX_PART * len(rows), _largest(base[rows]))
        ]
        if not uniform:
            return _from_zero(scenes)
        levels[uniform] += 1


def _first_levels(numbers: NDArray[np.int64], near: NearDuplicates) -> NDArray[np.int64]:
    """Returns for each class the place of its limit: the first one if there is a gap below it."""
    above = near.cosines >= _LIMITS[0]
    counts = [
        np.bincount(
            numbers[np.concatenate([near.first[pairs], near.second[pairs]])],
            minlength=int(numbers.max()) + 1,
        )
        for pairs in (above, ~above)
    ]
    return (counts[0] < counts[1]).astype(np.int64)


def _from_zero(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(numbers, return_inverse=True)[1].ravel().astype(np.int64)


def _largest(numbers: NDArray[np.int64]) -> int:
    return int(np.unique(numbers, return_counts=True)[1].max())


def _linked(
    numbers: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Returns numbers of rows in which the rows of each pair have the same number."""
    parent = list(range(int(numbers.max(initial=-1)) + 1))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    for one, other in zip(numbers[first].tolist(), numbers[second].tolist(), strict=True):
        parent[root(one)] = root(other)
    return np.array([root(number) for number in numbers.tolist()], np.int64)
