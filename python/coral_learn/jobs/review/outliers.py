"""Photos that are unlike the others of their class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .findings import Extreme
from .photos import ReviewedPhotos

_NEIGHBORS = 5
_BLOCK_ROWS = 1024
# In robust standard deviations of the class. In small trials with the flowers, 7 or 8 of 11 photos
# of something else were among the 22 most unusual ones.
_UNUSUAL = -2.0
_MIN_PHOTOS_FOR_OUTLIERS = 8
_MIN_SPREAD = 1e-3  # of cosines; the photos of such a class are all the same


def find_outliers(photos: ReviewedPhotos, considered: NDArray[np.bool_]) -> list[Extreme]:
    """Returns photos that resemble even the nearest photos of their class little.

    Args:
        photos: The photos.
        considered: Which of them may be returned, [N].
    """
    values = np.asarray(photos.embeddings)
    directions = values - values.mean(axis=0)
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    unusual: list[tuple[float, int]] = []
    for label in range(len(photos.classes)):
        rows = _distinct(np.flatnonzero(photos.labels == label), photos.digests)
        if len(rows) < _MIN_PHOTOS_FOR_OUTLIERS:
            continue
        likeness = _likeness(directions[rows])
        middle = _median(likeness)
        spread = 1.4826 * _median(np.abs(likeness - middle))
        if spread < _MIN_SPREAD:
            continue
        scores = (likeness - middle) / spread
        chosen = (scores < _UNUSUAL) & considered[rows]
        unusual += zip(scores[chosen].tolist(), rows[chosen].tolist(), strict=True)
    return [
        Extreme(photos.photos[row], "deviations", round(score, 2)) for score, row in sorted(unusual)
    ]


def _median(values: NDArray[np.float32]) -> float:
    """Returns the median; that of NumPy imports masked arrays, which takes long."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _distinct(rows: NDArray[np.int64], digests: Sequence[bytes]) -> NDArray[np.int64]:
    """Returns the first row of each file content: a copy says nothing about its class."""
    first: dict[bytes | int, int] = {}
    for row in rows.tolist():
        first.setdefault(digests[row] or row, row)
    return np.array(list(first.values()), np.int64)


def _likeness(directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns how much each row resembles those that are nearest to it, [N]."""
    nearest = []
    for rows in np.array_split(np.arange(len(directions)), -(-len(directions) // _BLOCK_ROWS)):
        cosines = directions[rows] @ directions.T
        cosines[np.arange(len(rows)), rows] = -1.0
        nearest.append(np.partition(cosines, -_NEIGHBORS, axis=1)[:, -_NEIGHBORS:].mean(axis=1))
    return np.concatenate(nearest)
