"""The contents of the tail of an imprinting model.

The tail is L2_NORMALIZATION, (QUANTIZE), CONV_2D, MUL, RESHAPE and SOFTMAX.

The normalized embedding and the weights of a class are unit vectors, so CONV_2D gives the cosine of
the angle between them; MUL turns the cosines into logits.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...arrays import BiasVector, WeightColumns
from ..file import ModelFile
from ..quantization import Quantization

TAIL = ["CONV_2D", "MUL", "RESHAPE", "SOFTMAX"]
"""The last operators of an imprinting model."""

COUNTS_NOTE = "IMPRINTED_PHOTOS"
"""The name of the note with the number of photos of each class."""


@dataclass(frozen=True)
class ImprintingTail:
    """The classes of an imprinting model; there may be none yet.

    Attributes:
        weights: The weights of the classes, float32 [D, C]; unit vectors for imprinted classes.
        biases: The biases of the classes, float32 [C], in units of the cosine.
        logit_scale: The factor between cosines and logits; positive.
        sum_norms: The length of the sum of the embeddings of each imprinted class, by class index.
            Classes that are missing from it belong to the original model.
        photo_counts: The number of embeddings that each imprinted class was trained with, 0 for
            others, int32 [C], in a model that also has classes of an ordinary classifier; None in
            other models.
    """

    weights: WeightColumns
    biases: BiasVector
    logit_scale: float
    sum_norms: Mapping[int, float]
    photo_counts: NDArray[np.int32] | None


@dataclass(frozen=True)
class ImprintingModel:
    """An imprinting model, split into its extractor and its classes.

    Attributes:
        extractor: A model whose output is the normalized embedding, [1, 1, 1, D].
        embedding: The quantization of that output; None for float32.
        tail: The classes.
    """

    extractor: ModelFile
    embedding: Quantization | None
    tail: ImprintingTail
