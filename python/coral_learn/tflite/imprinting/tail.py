"""The contents of the tail of an imprinting model.

The tail is L2_NORMALIZATION, (QUANTIZE), CONV_2D, MUL, RESHAPE and SOFTMAX.

The normalized embedding and the weights of a class are unit vectors, so CONV_2D gives the cosine of
the angle between them; MUL turns the cosines into logits. In a model that keeps the head of an
ordinary classifier, CONV_2D reads more than the embedding; see :mod:`.kept_head`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...arrays import BiasVector, WeightColumns
from ..file import ModelFile
from ..quantization import Quantization
from .kept_head import KeptHead, cut_before_join

TAIL = ["CONV_2D", "MUL", "RESHAPE", "SOFTMAX"]
"""The last operators of an imprinting model."""

COUNTS_NOTE = "IMPRINTED_PHOTOS"
"""The name of the note with the number of photos of each class."""

NO_CLASSES_NOTE = "NO_CLASSES"
"""The name of the note that marks a model without classes, whose one class is a placeholder."""

WEIGHTS_NAME = "imprinting/weights"
"""The name of the tensor of the weights."""


class KeptScores(NamedTuple):
    """How the 8-bit tail of a model with a kept head stores scores, so that they stay exact.

    Attributes:
        quantization: The quantization of the output of CONV_2D.
        weight: The size of the weight by which CONV_2D multiplies a logit of the kept head.
    """

    quantization: Quantization
    weight: float


class ImprintingTail(NamedTuple):
    """The classes of an imprinting model; there may be none yet.

    Attributes:
        weights: The weights of the classes, float32 [F, C], where F is the number of values that
            CONV_2D reads; unit vectors for imprinted classes, unless there is a kept head.
        biases: The biases of the classes, float32 [C], in units of the cosine.
        logit_scale: The factor between cosines and logits; positive.
        sum_norms: The length of the sum of the embeddings of each imprinted class, by class index.
            Classes that are missing from it belong to the original model.
        photo_counts: The number of embeddings that each imprinted class was trained with, 0 for
            others, int32 [C], in a model that also has classes of an ordinary classifier; None in
            other models.
        kept: How scores are stored in an 8-bit tail with a kept head; None for all other tails.
    """

    weights: WeightColumns
    biases: BiasVector
    logit_scale: float
    sum_norms: Mapping[int, float]
    photo_counts: NDArray[np.int32] | None
    kept: KeptScores | None = None


@dataclass(frozen=True)
class ImprintingModel:
    """An imprinting model, split into its parts.

    Attributes:
        body: A model whose output is what CONV_2D reads, [1, 1, 1, F].
        embedding: The quantization of the output of :attr:`extractor`; None for float32.
        tail: The classes.
        head: The kept head; None if CONV_2D reads the normalized embedding and nothing else.
    """

    body: ModelFile
    embedding: Quantization | None
    tail: ImprintingTail
    head: KeptHead | None

    @cached_property
    def extractor(self) -> ModelFile:
        """A model whose output is the embedding, of D values.

        It is normalized unless there is a kept head.
        """
        return self.body if self.head is None else cut_before_join(self.body)
