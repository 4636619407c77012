"""Names for the roles that arrays play, with their shapes and dtypes.

N is the number of embeddings, D the number of features of each, and C the number of classes.
``cpp/bindings/arrays.h`` has the same names.
"""

import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

EmbeddingMatrix: TypeAlias = NDArray[np.float32]
"""Embeddings in real units, float32 [N, D]."""

StoredMatrix: TypeAlias = NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.int8]
"""Embeddings in the type that the extractor gave them, float32, uint8 or int8 [N, D]."""

WeightMatrix: TypeAlias = NDArray[np.float32]
"""Weights with one row for each class, float32 [C, D]: TensorFlow Lite and the core store these."""

WeightColumns: TypeAlias = NDArray[np.float32]
"""Weights with one column for each class, float32 [D, C]: pycoral and the public API use these."""

BiasVector: TypeAlias = NDArray[np.float32]
"""Biases, float32 [C]."""

ClassWeightVector: TypeAlias = NDArray[np.float32]
"""How much each embedding of a class counts, float32 [C]."""

SampleWeightVector: TypeAlias = NDArray[np.float32]
"""How much each embedding counts, float32 [N]."""

LabelVector: TypeAlias = NDArray[np.int32]
"""The true class of each embedding, int32 [N] in [0, C)."""

PredictionVector: TypeAlias = NDArray[np.int64]
"""The most probable class of each embedding, int64 [N] in [0, C)."""

ProbabilityMatrix: TypeAlias = NDArray[np.float32]
"""The probability of each class for each embedding, float32 [N, C]."""

RowIndices: TypeAlias = NDArray[np.uint32]
"""Some rows of a matrix of embeddings, uint32 [M], each in [0, N)."""

AnyArray: TypeAlias = NDArray[Any]
"""An array whose shape and dtype are not known yet."""

MAX_CLASSES = 2**31 - 1
"""The most classes that labels, which are int32, can name."""


def is_masked(array: object) -> bool:
    """Tells whether an object is a masked array of NumPy's.

    There are none unless ``numpy.ma`` has been imported, which takes 15 ms on a laptop.
    """
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(array, masked.MaskedArray)


def present_labels(labels: NDArray[np.integer[Any]]) -> list[int]:
    """Returns the labels that occur, in ascending order.

    ``np.unique`` would import ``numpy.ma`` for it.
    """
    return sorted(set(labels.tolist()))
