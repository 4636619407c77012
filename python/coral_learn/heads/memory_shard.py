"""A shard whose rows are in memory."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import (
    MAX_CLASSES,
    BiasVector,
    ClassWeightVector,
    RowIndices,
    WeightMatrix,
)
from ..embeddings import Embeddings
from . import core
from .buckets import BUCKETS, buckets_of, buckets_of_groups
from .fold_table import Fold
from .inputs import EmbeddingsLike, as_any_embeddings, as_array, as_float_array, as_labels
from .length_normalization import of_unit_length
from .moments import moments_of
from .shard import HeldOutSums, LossSums, Moments, ShardDescription
from .training_data import LabeledEmbeddings, read_sample_weights
from .training_set import TrainingSet


class MemoryShard:
    """Embeddings in memory and their labels, as a :class:`Shard`.

    Embeddings are read in place. One object can be used from several threads.

    Examples:
        >>> import numpy as np
        >>> from coral_learn import SoftmaxRegression
        >>> from coral_learn.distributed import Fold, MemoryShard, buckets_of_groups
        >>> here = MemoryShard(np.array([[0, 9], [9, 0]], np.uint8), [0, 1], groups=["a", "b"])
        >>> there = MemoryShard(np.array([[0, 8], [8, 1]], np.uint8), [0, 1], groups=["c", "d"])
        >>> here.describe().grouped, bool((here.buckets == buckets_of_groups(["a", "b"])).all())
        (True, True)
        >>> head = SoftmaxRegression(feature_dim=2, num_classes=2)
        >>> head.fit_shards([here, there], penalty=1e-3).converged
        True
        >>> here.moments().total.tolist()
        [9.0, 9.0]
        >>> weights, biases = head.weights.T, head.biases
        >>> here.loss_and_gradient(weights, biases).weight
        2.0
        >>> here.held_out_loss(weights, biases).right
        2.0
    """

    def __init__(
        self,
        embeddings: EmbeddingsLike,
        labels: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        class_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        buckets: ArrayLike | None = None,
    ) -> None:
        """Checks the rows.

        Args:
            embeddings: [N, D], at least one row.
            labels: The class of each row, integers [N], at least 0.
            sample_weight: How much each row counts, [N], at least 0; None for 1 each.
            class_weight: How much each row of a class counts, [C] or more; None for 1 each. All
                shards of a fit need the same.
            groups: The key of each row's group, integers or strings [N], such as the name of a
                video: rows of one group, on any shard, are held out together. None for no groups.
            buckets: The bucket of each row as :func:`buckets_of` returns it, uint8 [N], if it is
                known already; not with ``groups``.

        Raises:
            ValueError: A shape is wrong, a label is negative, or a number is not finite.
        """
        rows = as_any_embeddings(embeddings, "embeddings")
        count = len(rows)
        if count == 0:
            raise ValueError("embeddings must hold at least one embedding")
        data = LabeledEmbeddings(rows, as_labels(labels, count, MAX_CLASSES, "labels"))
        classes = int(data.labels.max()) + 1
        self._set = TrainingSet(
            data,
            _read_class_weights(class_weight, classes),
            read_sample_weights(sample_weight, data.labels, classes),
            _read_buckets(groups, buckets, count),
            groups is not None,
        )

    @classmethod
    def of(cls, training: TrainingSet) -> "MemoryShard":
        """Returns a shard of rows that have been checked."""
        shard = cls.__new__(cls)
        shard._set = training
        return shard

    @cached_property
    def buckets(self) -> NDArray[np.uint8]:
        """The bucket of each row, [N]."""
        known = self._set.buckets
        return buckets_of(self._set.data.embeddings) if known is None else known

    @cached_property
    def _of_unit_length(self) -> Embeddings:
        return of_unit_length(self._set.data.embeddings)

    def _embeddings(self, unit_length: bool) -> Embeddings:
        return self._of_unit_length if unit_length else self._set.data.embeddings

    @cached_property
    def _weights(self) -> NDArray[np.float32] | None:
        return self._set.weights

    def describe(self) -> ShardDescription:
        """Returns what the shard holds."""
        labels, sample_weights = self._set.data.labels, self._set.sample_weights
        classes = int(labels.max()) + 1
        cells = labels.astype(np.int64) * BUCKETS + self.buckets
        shape, size = (classes, BUCKETS), classes * BUCKETS
        rows = np.bincount(cells, minlength=size).reshape(shape)
        weights = np.bincount(cells, sample_weights, size).reshape(shape).astype(np.float64)
        embeddings = self._set.data.embeddings
        quantized = embeddings.quantized.dtype != np.float32
        return ShardDescription(embeddings.shape[1], rows, weights, self._set.grouped, quantized)

    def moments(self, sketch_buckets: int = BUCKETS, *, unit_length: bool = False) -> Moments:
        """Returns sums over all rows.

        Args:
            sketch_buckets: As for :meth:`Shard.moments`.
            unit_length: As for :meth:`Shard.moments`.
        """
        embeddings = self._embeddings(unit_length)
        sketched = self._all_rows
        if sketch_buckets < BUCKETS:
            sketched = _chosen(self.buckets < sketch_buckets)
        return moments_of(embeddings, self._set.sample_weights, sketched)

    def row_sums(
        self, classes: int, fold: Fold | None, unit_length: bool, threads: int
    ) -> core.RowSums:
        """Returns what the core sums the losses of heads with, over the rows of a fold."""
        data = self._set.data
        rows = self._all_rows
        if fold is not None:
            rows = _chosen(fold.training_rows(data.labels, self.buckets))
        embeddings = core.stored(self._embeddings(unit_length))
        return core.RowSums(classes, embeddings, data.labels, rows, self._weights, threads=threads)

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
            weights: As for :meth:`Shard.loss_and_gradient`.
            biases: As for :meth:`Shard.loss_and_gradient`.
            fold: As for :meth:`Shard.loss_and_gradient`.
            unit_length: As for :meth:`Shard.moments`.
        """
        sums = self.row_sums(len(biases), fold, unit_length, core.num_threads())
        return LossSums(*sums.sums(core.Head(weights, biases)))

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
            weights: As for :meth:`Shard.held_out_loss`.
            biases: As for :meth:`Shard.held_out_loss`.
            fold: As for :meth:`Shard.held_out_loss`.
            temperatures: As for :meth:`Shard.held_out_loss`.
            unit_length: As for :meth:`Shard.moments`.
        """
        data, sample_weights = self._set.data, self._set.sample_weights
        rows = self._all_rows
        if fold is not None:
            rows = _chosen(fold.held_out_rows(data.labels, self.buckets))
        losses, right = core.row_losses(
            core.Head(weights, biases),
            core.stored(self._embeddings(unit_length)),
            data.labels,
            rows,
            list(temperatures),
            threads=core.num_threads(),
        )
        counts = np.ones(len(rows)) if sample_weights is None else sample_weights[rows]
        weighted = counts if self._weights is None else self._weights[rows]
        return HeldOutSums(
            losses @ weighted.astype(np.float64),
            float(counts.sum(dtype=np.float64)),
            float(counts[right].sum(dtype=np.float64)),
        )

    @property
    def _all_rows(self) -> RowIndices:
        return np.arange(len(self._set.data), dtype=np.uint32)


def _chosen(mask: NDArray[np.bool_]) -> RowIndices:
    return np.flatnonzero(mask).astype(np.uint32)


def _read_class_weights(class_weight: ArrayLike | None, classes: int) -> ClassWeightVector | None:
    if class_weight is None:
        return None
    count = as_array(class_weight, "class_weight").size
    weights = as_float_array(class_weight, (max(count, classes),), "class_weight")
    if (weights < 0).any():
        raise ValueError("class_weight must be at least 0")
    return weights


def _read_buckets(
    groups: ArrayLike | None, buckets: ArrayLike | None, count: int
) -> NDArray[np.uint8] | None:
    if groups is not None:
        if buckets is not None:
            raise ValueError("give groups or buckets, not both")
        keys = as_array(groups, "groups")
        if keys.shape != (count,) or keys.dtype.kind not in "iuU":
            raise ValueError(f"groups must be one integer or string for each of the {count} rows")
        return buckets_of_groups(keys)
    if buckets is None:
        return None
    given = as_array(buckets, "buckets")
    if given.shape != (count,) or given.dtype != np.uint8:
        raise ValueError(
            f"buckets must be uint8 of shape [{count}], not {given.dtype} of {list(given.shape)}"
        )
    return given.copy()
