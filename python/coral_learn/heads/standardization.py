"""Standardization of embeddings whose features cannot be fitted as they are."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import AnyArray
from ..embeddings import Embeddings
from . import core
from .training_data import LabeledEmbeddings

# Features that deviate up to 30 times as much as most are fitted as well as standardized ones, and
# real extractors stay below that even on two photos. There, the deviation of a feature says how
# much the network makes of it: standardizing all embeddings would cost 1 to 2 points of accuracy.
_MAX_PROPORTION = 30
# In float32, products with larger numbers would lose the difference between rows.
_MAX_OFFSET = 1000  # the mean of a feature, in deviations of most features
# Within these, no product of a fit becomes infinite or denormal in float32.
_MIN_DEVIATION, _MAX_DEVIATION = 1e-12, 1e12
_MIN_WEIGHABLE = 1e-32  # features that deviate less would need infinite weights
_BLOCK_VALUES = 1 << 16  # what fits in the cache


class Standardization(NamedTuple):
    """A shift and a scale for each feature.

    Attributes:
        mean: What is subtracted from the features, float64 [D].
        scale: What the differences are divided by, float64 [D]; infinite for features that are to
            be ignored.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    def apply(self, data: LabeledEmbeddings) -> LabeledEmbeddings:
        """Returns standardized float32 embeddings with the same labels."""
        values = np.empty(data.embeddings.shape, np.float32)
        for rows, block in _blocks(data.embeddings):
            values[rows] = (block - self.mean) / self.scale
        return LabeledEmbeddings(Embeddings(values), data.labels)

    def unfold(self, head: core.Head, shape: tuple[int, int]) -> core.Head:
        """Returns the head for embeddings as they are, from one for standardized embeddings.

        Args:
            head: The head for standardized embeddings.
            shape: C and D.
        """
        weights, biases = core.arrays_of(head, shape)
        weights = (weights / self.scale).astype(np.float32)
        return core.Head(weights, (biases - weights @ self.mean).astype(np.float32))


def standardization_for(embeddings: Embeddings) -> Standardization | None:
    """Returns how to standardize embeddings, or None if they can be fitted as they are.

    They cannot if a feature varies more than 30 times as much as most others (in other units, as
    columns of a table are), if a feature has a mean of more than 1000 times what most features
    deviate from theirs, or if the numbers are so large or small that float32 cannot hold their
    products. In the first case, every feature is scaled to a deviation of 1.

    Embeddings that are stored as bytes can always be fitted.

    Raises:
        ValueError: All features vary so little that weights for them would be infinite.
    """
    if embeddings.quantized.dtype != np.float32:
        return None
    if _are_ordinary(*_moments(embeddings, np.float32)):
        return None
    return standardization_of(*_moments(embeddings, np.float64))


def standardization_of(
    mean: NDArray[np.float64], deviation: NDArray[np.float64]
) -> Standardization | None:
    """Returns how to standardize float32 embeddings by the moments of their features, [D].

    Raises:
        ValueError: As :func:`standardization_for`.
    """
    if not np.isfinite(deviation).all():
        return None  # the core names the row
    varying = np.sort(deviation[deviation > 0])
    if not len(varying):
        return None if (np.abs(mean) < _MAX_OFFSET).all() else Standardization(mean, mean * 0 + 1)
    if varying[-1] < _MIN_WEIGHABLE:
        raise ValueError(
            f"the features of the embeddings vary by at most {varying[-1]:.2g}, which is too "
            "little for float32 weights. Multiply the embeddings by a large number."
        )
    typical = varying[(len(varying) - 1) // 2]
    if varying[-1] > _MAX_PROPORTION * typical:
        scale = np.where(deviation >= _MIN_WEIGHABLE, deviation, np.inf)
    elif (np.abs(mean) > _MAX_OFFSET * typical).any() or not (
        _MIN_DEVIATION < typical < _MAX_DEVIATION
    ):
        scale = np.full(len(mean), typical)
    else:
        return None
    return Standardization(mean, scale)


def _are_ordinary(mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> bool:
    """Returns whether embeddings need no standardization, by moments that float32 can hold."""
    lowest, highest = deviation.min(), deviation.max()
    return bool(
        lowest > _MIN_DEVIATION
        and highest < _MAX_DEVIATION
        and highest <= _MAX_PROPORTION * np.sort(deviation)[(len(deviation) - 1) // 2]
        and np.abs(mean).max() < _MAX_OFFSET * lowest
    )


def _moments(
    embeddings: Embeddings, dtype: type[np.float32 | np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the mean and the standard deviation of each feature.

    Args:
        embeddings: [N, D].
        dtype: The type to compute with; float32 is fast, but its squares can be infinite or zero.
    """
    # The first row is subtracted, so that equal numbers have no deviation at all.
    first = embeddings.quantized[0].astype(dtype)
    total, squares = np.zeros(len(first)), np.zeros(len(first))
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity give NaN
        for _, block in _blocks(embeddings):
            difference = np.subtract(block, first, dtype=dtype)
            total += difference.sum(axis=0)
            squares += np.einsum("nd,nd->d", difference, difference)
        mean = total / len(embeddings)
        variance = np.maximum(squares / len(embeddings) - mean**2, 0)
    return first + mean, np.where(squares == 0, 0, np.sqrt(variance))


def _blocks(embeddings: Embeddings) -> Iterator[tuple[slice, AnyArray]]:
    values = embeddings.quantized
    size = max(1, _BLOCK_VALUES // values.shape[1])
    for start in range(0, len(values), size):
        rows = slice(start, start + size)
        yield rows, values[rows]
