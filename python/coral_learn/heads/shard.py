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

    Examples:
        >>> import numpy as np
        >>> from coral_learn.distributed import MemoryShard
        >>> held = MemoryShard(np.array([[0, 9], [9, 0], [0, 8]], np.uint8), [0, 1, 0]).describe()
        >>> held.features, held.rows.shape, held.rows.sum(axis=1).tolist()
        (2, (2, 256), [2, 1])
        >>> held.grouped, held.quantized
        (False, True)
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

    Examples:
        >>> import numpy as np
        >>> from coral_learn.distributed import MemoryShard
        >>> here = MemoryShard(np.array([[0.0, 3.0]]), [0])
        >>> there = MemoryShard(np.array([[4.0, 0.0]]), [1])
        >>> both = here.moments() + there.moments()
        >>> both.weight, both.total.tolist(), both.squares.tolist(), both.lengths
        (2.0, [4.0, 3.0], [16.0, 9.0], 7.0)
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

    Examples:
        >>> import numpy as np
        >>> from coral_learn.distributed import MemoryShard
        >>> shard = MemoryShard(np.array([[0.0, 2.0], [2.0, 0.0]]), [0, 1])
        >>> weights, biases = np.zeros((2, 2), np.float32), np.zeros(2, np.float32)
        >>> sums = shard.loss_and_gradient(weights, biases)  # every probability is 0.5
        >>> round(sums.loss, 3), sums.weight_gradient.tolist()
        (1.386, [[1.0, -1.0], [-1.0, 1.0]])
        >>> (sums + sums).weight
        4.0
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

    Examples:
        >>> import numpy as np
        >>> from coral_learn.distributed import MemoryShard
        >>> shard = MemoryShard(np.array([[0.0, 2.0], [2.0, 0.0]]), [0, 1])
        >>> weights = np.array([[0, 1], [1, 0]], np.float32)
        >>> sums = shard.held_out_loss(weights, np.zeros(2, np.float32), temperatures=(1.0, 2.0))
        >>> sums.losses.round(3).tolist(), sums.weight, sums.right
        ([0.254, 0.627], 2.0, 2.0)
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

    Examples:
        A shard of your own forwards four questions to where the rows are:

        >>> import numpy as np
        >>> from coral_learn import SoftmaxRegression
        >>> from coral_learn.distributed import MemoryShard
        >>> class Remote:
        ...     def __init__(self, rows, labels):
        ...         self._there = MemoryShard(rows, labels)  # for example in another process
        ...     def describe(self):
        ...         return self._there.describe()
        ...     def moments(self, *asked, **options):
        ...         return self._there.moments(*asked, **options)
        ...     def loss_and_gradient(self, *asked, **options):
        ...         return self._there.loss_and_gradient(*asked, **options)
        ...     def held_out_loss(self, *asked, **options):
        ...         return self._there.held_out_loss(*asked, **options)
        >>> rows = np.array([[0, 9], [9, 0], [0, 8], [8, 0]], np.uint8)
        >>> shards = [Remote(rows[:2], [0, 1]), Remote(rows[2:], [0, 1])]
        >>> head = SoftmaxRegression(feature_dim=2, num_classes=2)
        >>> head.fit_shards(shards, penalty=1e-3).converged
        True
    """

    def describe(self) -> ShardDescription:
        """Returns what the shard holds."""
        ...

    def moments(self, sketch_buckets: int, *, unit_length: bool = False) -> Moments:
        """Returns sums over all rows.

        Args:
            sketch_buckets: The sketch is over the rows of the first so many buckets, in
                [0, BUCKETS].
            unit_length: Whether each row is first divided by its length, in float32. A fit to few
                rows asks for it; no row has length 0 then.
        """
        ...

    def loss_and_gradient(
        self,
        weights: WeightMatrix,
        biases: BiasVector,
        fold: Fold | None = None,
        *,
        unit_length: bool = False,
    ) -> LossSums:
        """Returns the loss of a head and its gradient, summed over the rows that a fold trains on.

        Args:
            weights: float32 [C, D], for embeddings in real units; C at least that of the shard.
            biases: float32 [C].
            fold: Which rows are trained on; None for all rows.
            unit_length: As for :meth:`moments`.
        """
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
        """Returns the loss of a head, summed over the rows that a fold holds out.

        Args:
            weights: As for :meth:`loss_and_gradient`.
            biases: As for :meth:`loss_and_gradient`.
            fold: Which rows are held out; None for all rows.
            temperatures: By what to divide weights and biases, each above 0.
            unit_length: As for :meth:`moments`.
        """
        ...


class ShardLostError(Exception):
    """A shard raises this if it can no longer be reached, and never will be in this fit.

    Examples:
        >>> import numpy as np
        >>> from coral_learn import SoftmaxRegression
        >>> from coral_learn.distributed import MemoryShard, ShardLostError
        >>> class Unplugged(MemoryShard):
        ...     def describe(self):
        ...         raise ShardLostError("the board is switched off")
        >>> rows = np.array([[0, 9], [9, 0]], np.uint8)
        >>> shards = [MemoryShard(rows, [0, 1]), Unplugged(rows, [0, 1])]
        >>> tell = lambda place, error: print(f"goes on without shard {place}: {error}")
        >>> head = SoftmaxRegression(feature_dim=2, num_classes=2)
        >>> head.fit_shards(shards, penalty=1e-3, on_lost=tell).converged
        goes on without shard 1: the board is switched off
        True
    """


class ShardChangedError(Exception):
    """A shard that stands for several raises this once if its rows are other ones from now on.

    It is then asked again what it holds, and the present minimization goes on with its rows.

    Examples:
        >>> from coral_learn.distributed import ShardChangedError
        >>> raise ShardChangedError("one of the boards behind this one left")
        Traceback (most recent call last):
        coral_learn.heads.shard.ShardChangedError: one of the boards behind this one left
    """


class ShardError(ValueError):
    """A shard does not fit to the others, gave no valid answer or failed; the message names it.

    Examples:
        >>> import numpy as np
        >>> from coral_learn import SoftmaxRegression
        >>> from coral_learn.distributed import MemoryShard
        >>> shards = [MemoryShard(np.ones((1, size)), [0]) for size in (2, 3)]
        >>> SoftmaxRegression(feature_dim=2, num_classes=2).fit_shards(shards)
        Traceback (most recent call last):
        coral_learn.heads.shard.ShardError: shard 1 ...
    """
