"""Embeddings whose numbers are so large or small that float32 cannot hold their squares."""

import math

import numpy as np

from ..arrays import EmbeddingMatrix

_MAX_EXPONENT = 40  # squares, and sums of very many, stay far from the limits of float32


def unit_exponent(largest: float) -> int:
    """Returns the power of two to divide numbers by, so that their largest is about 1.

    It is 0 if the numbers are of an ordinary size. Cosines do not change: to divide by a power of
    two rounds nothing that matters beside the largest number.

    Args:
        largest: The largest absolute value of the numbers.
    """
    exponent = math.frexp(largest)[1]  # 0 for infinity and NaN
    return exponent if abs(exponent) > _MAX_EXPONENT else 0


def to_unit_scale(*arrays: EmbeddingMatrix) -> tuple[EmbeddingMatrix, ...]:
    """Returns arrays divided by one power of two: see :func:`unit_exponent`.

    Args:
        arrays: Embeddings, each [N, D].
    """
    exponent = unit_exponent(max(float(np.abs(each).max(initial=0)) for each in arrays))
    if not exponent:
        return arrays
    return tuple(np.ldexp(each, -exponent) for each in arrays)
