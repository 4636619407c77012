"""Embeddings whose numbers are so large or small that float32 cannot hold their squares."""

import math

import numpy as np

from ..arrays import EmbeddingMatrix

_MAX_EXPONENT = 40  # squares, and sums of very many, stay far from the limits of float32


def to_unit_scale(*arrays: EmbeddingMatrix) -> tuple[EmbeddingMatrix, ...]:
    """Returns arrays divided by one power of two, so that their largest number is about 1.

    They are returned as they are if their numbers are of an ordinary size. Cosines do not change:
    to divide by a power of two rounds nothing that matters beside the largest number.

    Args:
        arrays: Embeddings, each [N, D].
    """
    largest = max(float(np.abs(each).max(initial=0)) for each in arrays)
    exponent = math.frexp(largest)[1]  # 0 for infinity and NaN
    if abs(exponent) <= _MAX_EXPONENT:
        return arrays
    return tuple(np.ldexp(each, -exponent) for each in arrays)
