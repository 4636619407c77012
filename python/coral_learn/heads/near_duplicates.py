"""Photos that resemble each other so much that they show one scene, found by their embeddings."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import EmbeddingMatrix, present_labels
from ..embeddings import Embeddings
from .unit_scale import to_unit_scale

NEAR_DUPLICATE_COSINE = 0.85
"""The lowest cosine of near-duplicates.

On the flowers, the typical copy that is turned by 3 degrees, 25% brighter or cropped to 90% has a
cosine of 0.89 to 0.96, and different photos of a class stay under 0.84, of two classes under 0.6.
"""

_MAX_NEIGHBORS = 16  # of a row, the nearest; in long bursts of photos all pairs would be too many
_BLOCK_ROWS = 1024
_MIN_PART = 1e-4  # of the squared length of a row, beyond the center of its class


class NearDuplicates(NamedTuple):
    """Pairs of rows that are near-duplicates.

    Attributes:
        first: The lower row of each pair, int64 [P].
        second: The other row, int64 [P].
        cosines: How similar they are, float32 [P], at most 1.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cosines: NDArray[np.float32]


def find_near_duplicates(
    embeddings: Embeddings, labels: NDArray[np.integer[Any]]
) -> NearDuplicates:
    """Returns the near-duplicates among rows, the most similar pair first.

    Embeddings are compared by their cosine relative to the center of their class, so that photos
    are not near-duplicates just because their class looks very uniform; those of two classes must
    be similar relative to both centers. The only two rows of a class are therefore never a pair. A
    row is paired with at most the 16 rows that are most similar to it.

    Args:
        embeddings: The embeddings, [N, D].
        labels: The class of each, [N].
    """
    [values] = to_unit_scale(np.asarray(embeddings))
    values = values - values.mean(axis=0)
    seen: dict[tuple[int, int], float] = {}  # relative to the center of the class of the first
    for label in present_labels(labels):
        rows = np.flatnonzero(labels == label)
        center = values[rows].mean(axis=0)
        for block in np.array_split(rows, -(-len(rows) // _BLOCK_ROWS)):
            seen.update(_similar(_cosines(values, block, center), block))
    found = sorted(
        (-min(cosine, seen[other, row]), row, other)
        for (row, other), cosine in seen.items()
        if row < other and (other, row) in seen
    )
    cosines, first, second = np.array(found, np.float64).reshape(-1, 3).T
    return NearDuplicates(
        first.astype(np.int64), second.astype(np.int64), -cosines.astype(np.float32)
    )


def _cosines(
    values: EmbeddingMatrix, rows: NDArray[np.int64], center: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Returns the cosines between some rows and all rows, relative to a center, [R, N]."""
    along = values @ center
    squared = float(center @ center)
    # (x - c)(y - c) = xy - xc - yc + cc needs no copy of all rows relative to each center.
    own = np.einsum("nd,nd->n", values, values) + squared
    lengths = np.sqrt(np.maximum(own - 2 * along, 0))
    # What remains of a row at the center is rounding error, and points anywhere.
    lengths[lengths <= np.sqrt(_MIN_PART * own)] = np.inf
    cosines: NDArray[np.float32] = values[rows] @ values.T
    cosines -= along - squared
    cosines -= along[rows, np.newaxis]
    cosines /= lengths
    cosines /= lengths[rows, np.newaxis]
    return cosines


def _similar(
    cosines: NDArray[np.float32], rows: NDArray[np.int64]
) -> Iterator[tuple[tuple[int, int], float]]:
    """Yields pairs of one of the rows and a similar one of all rows, and their cosines."""
    cosines[np.arange(len(rows)), rows] = -1.0
    for place in np.flatnonzero(cosines.max(axis=1) >= NEAR_DUPLICATE_COSINE):
        near = np.flatnonzero(cosines[place] >= NEAR_DUPLICATE_COSINE)
        nearest = near[np.argsort(-cosines[place][near], kind="stable")[:_MAX_NEIGHBORS]]
        for other in nearest.tolist():
            yield (int(rows[place]), other), min(float(cosines[place, other]), 1.0)
