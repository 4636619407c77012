"""Scenes: rows that must be held out together, because one of them tells the answer of another."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import present_labels
from ..embeddings import Embeddings
from .near_duplicates import find_near_duplicates

_MAX_PART = 0.5  # of a class in one scene: a class that looks so uniform has no scenes


def number_scenes(
    embeddings: Embeddings,
    labels: NDArray[np.integer[Any]],
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Returns the number of the scene of each row, int64 [N].

    Rows are one scene if they are copies or near-duplicates, whatever their classes, or in one
    group. Near-duplicates count as different where most rows of a class would be one scene.

    Args:
        embeddings: The embeddings, [N, D].
        labels: The class of each, [N].
        groups: The group of each, [N], such as the frames of one video; None for no groups.
    """
    base = _copies(embeddings)
    if groups is not None:
        base = _joined(base, groups)
    near = find_near_duplicates(embeddings, labels)
    scenes = _linked(base, near.first, near.second)
    for label in present_labels(labels):
        rows = np.flatnonzero(labels == label)
        if _largest(scenes[rows]) > max(_MAX_PART * len(rows), _largest(base[rows])):
            scenes[rows] = base[rows] + len(scenes)
    return np.unique(scenes, return_inverse=True)[1].astype(np.int64)


def _largest(numbers: NDArray[np.int64]) -> int:
    return int(np.unique(numbers, return_counts=True)[1].max())


def _copies(embeddings: Embeddings) -> NDArray[np.int64]:
    """Returns the first row that is equal to each row, [N]."""
    known: dict[bytes, int] = {}
    keys = map(bytes, embeddings.quantized)
    return np.array([known.setdefault(key, row) for row, key in enumerate(keys)], np.int64)


def _joined(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Joins two ways to number rows: rows that share either number get the same number."""
    order = np.argsort(other, kind="stable")
    same = np.flatnonzero(np.diff(other[order]) == 0)
    return _linked(one, order[same], order[same + 1])


def _linked(
    numbers: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Returns numbers of rows in which the rows of each pair have the same number."""
    parent = list(range(int(numbers.max()) + 1))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    for one, other in zip(numbers[first].tolist(), numbers[second].tolist(), strict=True):
        parent[root(one)] = root(other)
    return np.array([root(number) for number in numbers.tolist()], np.int64)
