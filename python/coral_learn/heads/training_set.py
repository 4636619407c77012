"""The rows that a head is fitted to, with all that is known of each."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import ClassWeightVector, SampleWeightVector
from .training_data import LabeledEmbeddings


@dataclass(frozen=True)
class TrainingSet:
    """The data that a head is fitted to.

    Attributes:
        data: N embeddings and their labels.
        class_weights: How much each row of a class counts, float32 [C] or more; None for 1 each.
        sample_weights: How much each row counts, float32 [N]; None for 1 each. The weight of a row
            is the product of both.
        buckets: The bucket of each row, uint8 [N]; None if it is that of its embedding.
        grouped: Whether the buckets are those of groups.
    """

    data: LabeledEmbeddings
    class_weights: ClassWeightVector | None = None
    sample_weights: SampleWeightVector | None = None
    buckets: NDArray[np.uint8] | None = None
    grouped: bool = False

    @property
    def weights(self) -> SampleWeightVector | None:
        """How much each row counts, by its class too, float32 [N]; None for 1 each."""
        if self.class_weights is None:
            return self.sample_weights
        weights: SampleWeightVector = self.class_weights[self.data.labels]
        return weights if self.sample_weights is None else weights * self.sample_weights

    def part(self, rows: NDArray[np.int64]) -> "TrainingSet":
        """Returns some of the rows."""
        weights, buckets = self.sample_weights, self.buckets
        return replace(
            self,
            data=LabeledEmbeddings(self.data.embeddings[rows], self.data.labels[rows]),
            sample_weights=None if weights is None else weights[rows],
            buckets=None if buckets is None else buckets[rows],
        )
