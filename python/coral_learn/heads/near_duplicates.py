"""Photos that resemble each other so much that they show one scene, found by their embeddings."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import EmbeddingMatrix, present_labels
from ..embeddings import Embeddings
from .unit_scale import unit_exponent

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
    embeddings: Embeddings,
    labels: NDArray[np.integer[Any]],
    *,
    of: NDArray[np.int64] | None = None,
    min_cosine: float = NEAR_DUPLICATE_COSINE,
) -> NearDuplicates:
    """Returns the near-duplicates among rows, the most similar pair first.

    Embeddings are compared by their cosine relative to the center of their class, so that photos
    are not near-duplicates just because their class looks very uniform; those of two classes must
    be similar relative to both centers. The only two rows of a class are therefore never a pair. Of
    many rows that resemble each other, each is paired with some of those that are most similar.

    Args:
        embeddings: The embeddings, [N, D].
        labels: The class of each, [N].
        of: Different rows, of which each pair has at least one; None for all.
        min_cosine: The lowest cosine of a pair.
    """
    numbers = np.unique(labels, return_inverse=True)[1].ravel()
    rows = _CenteredRows(embeddings, numbers)
    order = np.arange(len(embeddings))
    if of is not None:
        order = np.concatenate([of, np.delete(order, of)])
    ends = len(order) if of is None else len(of)
    found: list[tuple[NDArray[np.int64], ...]] = []
    cosines: list[NDArray[np.float32]] = []
    for start in range(0, ends, _BLOCK_ROWS):
        block = rows.read(order[start : min(start + _BLOCK_ROWS, ends)])
        for place in range(start, len(order), _BLOCK_ROWS):
            others = rows.read(order[place : place + _BLOCK_ROWS])
            similarity = _cosines(block, others)
            if place == start:  # each pair once, and no row with itself
                similarity[np.tri(*similarity.shape, dtype=np.bool_)] = -1.0
            one, other = _similar(similarity, min_cosine)
            found.append((block.rows[one], others.rows[other]))
            cosines.append(similarity[one, other])
    return _sorted(found, cosines)


class _Block(NamedTuple):
    """Some rows, relative to the center of all rows.

    Attributes:
        rows: Their numbers, [R].
        labels: The class of each, [R].
        values: The embeddings, [R, D].
        squares: The squared length of each, [R].
        along: The product of each with the center of each class, [R, C].
        center_squares: The squared length of the center of each class, [C].
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    values: EmbeddingMatrix
    squares: NDArray[np.float32]
    along: NDArray[np.float32]
    center_squares: NDArray[np.float32]


class _CenteredRows:
    """Reads rows in blocks, because all of them as float32 may need much memory."""

    def __init__(self, embeddings: Embeddings, labels: NDArray[np.int64]) -> None:
        self._embeddings, self._labels = embeddings, labels
        blocks = list(_blocks(np.arange(len(labels))))
        largest = max((float(np.abs(self._raw(rows)).max(initial=0)) for rows in blocks), default=0)
        self._exponent = unit_exponent(largest)
        counts = np.bincount(labels)
        centers = np.zeros((len(counts), embeddings.shape[1]))
        for rows in blocks:
            values = self._scaled(rows)
            for label in present_labels(labels[rows]):
                centers[label] += values[labels[rows] == label].sum(axis=0, dtype=np.float64)
        center = centers.sum(axis=0) / max(1, len(labels))
        self._center = center.astype(np.float32)
        self._centers = (centers / counts[:, np.newaxis] - center).astype(np.float32)

    def read(self, rows: NDArray[np.int64]) -> _Block:
        values = self._scaled(rows) - self._center
        return _Block(
            rows,
            self._labels[rows],
            values,
            np.einsum("nd,nd->n", values, values),
            values @ self._centers.T,
            np.einsum("nd,nd->n", self._centers, self._centers),
        )

    def _raw(self, rows: NDArray[np.int64]) -> EmbeddingMatrix:
        return np.asarray(self._embeddings[rows])

    def _scaled(self, rows: NDArray[np.int64]) -> EmbeddingMatrix:
        values = self._raw(rows)
        return np.ldexp(values, -self._exponent) if self._exponent else values


def _blocks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), _BLOCK_ROWS):
        yield rows[start : start + _BLOCK_ROWS]


def _cosines(one: _Block, other: _Block) -> NDArray[np.float32]:
    """Returns the cosines between rows, the lower of those relative to both centers, [R, S]."""
    products = one.values @ other.values.T
    return np.minimum(_relative(products, one, other), _relative(products.T, other, one).T)


def _relative(products: NDArray[np.float32], one: _Block, other: _Block) -> NDArray[np.float32]:
    """Returns cosines relative to the center of the class of the first row, [R, S].

    (x - c)(y - c) = xy - xc - yc + cc needs no copy of the rows relative to each center.
    """
    center = one.center_squares[one.labels][:, np.newaxis]
    along = other.along[:, one.labels].T
    own_along = one.along[np.arange(len(one.rows)), one.labels][:, np.newaxis]
    lengths = _lengths(other.squares - 2 * along + center, other.squares + center)
    own_squares = one.squares[:, np.newaxis]
    own_lengths = _lengths(own_squares - 2 * own_along + center, own_squares + center)
    cosines: NDArray[np.float32] = (products - along - own_along + center) / lengths / own_lengths
    return cosines


def _lengths(squares: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns lengths; what remains of a row at the center is rounding error, and infinite."""
    return np.sqrt(np.where(squares <= _MIN_PART * whole, np.float32(np.inf), squares))


def _similar(
    cosines: NDArray[np.float32], min_cosine: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the places of similar rows; of very many, the nearest of each row and column."""
    near = cosines >= min_cosine
    if max(near.sum(axis=0).max(), near.sum(axis=1).max()) > _MAX_NEIGHBORS:
        nearest = np.zeros_like(near)
        for axis in (0, 1):
            count = min(_MAX_NEIGHBORS, cosines.shape[axis])
            order = np.argpartition(-cosines, count - 1, axis=axis)
            np.put_along_axis(nearest, np.take(order, range(count), axis=axis), True, axis=axis)
        near &= nearest
    one, other = np.nonzero(near)
    return one.astype(np.int64), other.astype(np.int64)


def _sorted(
    found: list[tuple[NDArray[np.int64], ...]], cosines: list[NDArray[np.float32]]
) -> NearDuplicates:
    if not found:
        nothing = np.empty(0, np.int64)
        return NearDuplicates(nothing, nothing, np.empty(0, np.float32))
    pairs = np.sort(np.concatenate([np.stack(pair) for pair in found], axis=1), axis=0)
    similarity = np.minimum(np.concatenate(cosines), np.float32(1))
    order = np.lexsort([pairs[1], pairs[0], -similarity])
    pairs = pairs[:, order]
    few = (_ranks(pairs[0]) < _MAX_NEIGHBORS) | (_ranks(pairs[1]) < _MAX_NEIGHBORS)
    return NearDuplicates(pairs[0, few], pairs[1, few], similarity[order][few])


def _ranks(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns how often each row stands before its place, [P]."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    ranks = np.empty_like(rows)
    ranks[order] = np.arange(len(rows)) - np.searchsorted(ordered, ordered)
    return ranks
