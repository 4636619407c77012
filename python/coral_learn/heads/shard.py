"""What a fit asks of the places where photos are: sums over their rows, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import BiasVector, WeightMatrix
from .fold_table import Fold


@dataclass(frozen=True)
class ShardDescription:
    """What a shard holds.

    Attributes:
        features: D, the number of features of each embedding.
        rows: The number of rows of each class in each bucket, int64 [C, BUCKETS]. C is the largest
            label of the shard plus 1, and may be smaller than that of the head.
        weights: The sum of the sample weights of the same rows, float64 [C, BUCKETS]; equal to
            ``rows`` if every row counts 1.
        grouped: Whether the bucket of a row is that of its group, such as a scene, and not of its
            own embedding. Either all shards of a fit are grouped, or none.
        quantized: Whether the embeddings are stored as bytes, as quantized extractors give them.
            Others are refused if a feature varies much more than most.
    """

    features: int
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]
    grouped: bool = False
    quantized: bool = False


@dataclass(frozen=True)
class Moments:
    """Sums over the embeddings of all rows, in real units; each row times its sample weight s.

    Attributes:
        weight: sum of s.
        total: sum of s * x, float64 [D].
        squares: sum of s * x^2 for each feature, float64 [D].
        lengths: sum of s * |x|.
        zeros: The number of rows of length 0.
        sketch: sum of x (x . signs) over the rows of the buckets that were asked for, float64
            [D, SKETCH]; see :func:`sketch_signs`.
        sketch_total: sum of x over the same rows, float64 [D].
        sketch_rows: Their number.
    """

    weight: float
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    lengths: float
    zeros: int
    sketch: NDArray[np.float64]
    sketch_total: NDArray[np.float64]
    sketch_rows: int

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.weight + other.weight,
            self.total + other.total,
            self.squares + other.squares,
            self.lengths + other.lengths,
            self.zeros + other.zeros,
            self.sketch + other.sketch,
            self.sketch_total + other.sketch_total,
            self.sketch_rows + other.sketch_rows,
        )


@dataclass(frozen=True)
class LossSums:
    """The loss of a head and its gradient, summed over rows; no penalty.

    With p the probabilities that the head gives to embedding x of class y, and w the weight of the
    row (its sample weight times the weight of its class):

    Attributes:
        loss: sum of w * -log p[y], in nats.
        weight_gradient: sum of w * (p - onehot(y)) x^T, float64 [C, D], x in real units.
        bias_gradient: sum of w * (p - onehot(y)), float64 [C].
        weight: sum of w.
    """

    loss: float
    weight_gradient: NDArray[np.float64]
    bias_gradient: NDArray[np.float64]
    weight: float

    def __add__(self, other: "LossSums") -> "LossSums":
        return LossSums(
            self.loss + other.loss,
            self.weight_gradient + other.weight_gradient,
            self.bias_gradient + other.bias_gradient,
            self.weight + other.weight,
        )


@dataclass(frozen=True)
class HeldOutSums:
    """What a head says about rows that it was not fitted to, summed over them.

    Attributes:
        losses: For each temperature T that was asked for, the sum of w * -log p[y] of the head
            with weights and biases divided by T, float64 [T]; w as for :class:`LossSums`.
        weight: The sum of the sample weights of the rows, without those of classes.
        right: The same sum over the rows whose most probable class is their own.
    """

    losses: NDArray[np.float64]
    weight: float
    right: float

    def __add__(self, other: "HeldOutSums") -> "HeldOutSums":
        return HeldOutSums(
            self.losses + other.losses, self.weight + other.weight, self.right + other.right
        )


class Shard(Protocol):
    """Some rows of the data of a fit, wherever they are.

    A fit knows of the rows only what these methods return: sums over the rows, so that the sums
    of several shards are those of one shard with all of their rows. Methods are called from several
    threads at once: all shards for each request, and for several folds at a time.

    A shard that cannot answer any more raises :class:`ShardLostError`.

    Arguments that the methods share:
        weights: float32 [C, D], for embeddings in real units; C at least that of the shard.
        biases: float32 [C].
        fold: Which rows are trained on and which are held out; see :class:`Fold`.
        unit_length: Whether each row is first divided by its length, in float32. A fit to few
            rows asks for it; no row has length 0 then.
    """

    def describe(self) -> ShardDescription:
        """Returns what the shard holds."""
        ...

    def moments(self, sketch_buckets: int, *, unit_length: bool = False) -> Moments:
        """Returns sums over all rows; the sketch is over the first ``sketch_buckets`` buckets."""
        ...

    def loss_and_gradient(
        self,
        weights: WeightMatrix,
        biases: BiasVector,
        fold: Fold | None = None,
        *,
        unit_length: bool = False,
    ) -> LossSums:
        """Returns the sums over the rows that the fold trains on; None for all rows."""
        ...

    def held_out_loss(
        self,
        weights: WeightMatrix,
        biases: BiasVector,
        fold: Fold | None = None,
        temperatures: Sequence[float] = (1.0,),
        *,
        unit_length: bool = False,
    ) -> HeldOutSums:
        """Returns the sums over the rows that the fold holds out; None for all rows."""
        ...


class ShardLostError(Exception):
    """A shard raises this if it can no longer be reached, and never will be in this fit."""


class ShardChangedError(Exception):
    """A shard that stands for several raises this once if its rows are other ones from now on.

    It is then asked again what it holds, and the present minimization goes on with its rows.
    """


class ShardError(ValueError):
    """A shard does not fit to the others, gave no valid answer or failed; the message names it."""
