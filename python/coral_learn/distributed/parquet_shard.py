"""Shards that stream embedded photos from Parquet files, however many there are."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from ..arrays import BiasVector, WeightMatrix
from ..embedded.folder import EmbeddedFolder
from ..heads.buckets import BUCKETS
from ..heads.fold_table import LEFT_OUT, Fold
from ..heads.memory_shard import MemoryShard
from ..heads.shard import HeldOutSums, LossSums, Moments, ShardDescription
from ..machine import usable_cpus
from .parquet_rows import ParquetRows
from .parts import PartChoice
from .scan import SharedScan, evenly

# Of the rows that folds look at, which are kept in memory: a search looks at 1e8 values.
_SAMPLE_BYTES = 500_000_000


def open_parquet(path: str | os.PathLike[str]) -> list[ParquetShard]:
    """Opens a folder of embedded photos for a fit that need not have all of them in memory.

    The label of a row is the index of its class among :attr:`ParquetShard.classes`. Of a folder
    with a split, only the rows to train on are taken.

    Args:
        path: A folder that ``coral-learn embed`` wrote.

    Returns:
        A shard for each processor, or fewer if there are few rows.

    Raises:
        ValueError: The files are missing, damaged or of different extractors; or pyarrow is not
            installed.
        OSError: A file cannot be read.

    Examples:
        >>> from coral_learn import SoftmaxRegression
        >>> from coral_learn.distributed import open_parquet
        >>> shards = open_parquet("embedded")
        >>> classes = shards[0].classes
        >>> classes
        ['daisy', 'roses', 'tulips']
        >>> head = SoftmaxRegression(shards[0].describe().features, len(classes), seed=1)
        >>> head.labels = classes
        >>> head.fit_shards(shards).converged
        True
    """
    folder = EmbeddedFolder(path)
    rows = [each for each in divide(folder, PartChoice(), usable_cpus()) if each.is_trained.any()]
    if not rows:
        raise ValueError(f"{folder.path} has no photos to train on.")
    return open_shards(rows)


def open_shards(rows: Sequence[ParquetRows]) -> list[ParquetShard]:
    """Returns a shard for each part of a folder, which together use a bounded amount of memory."""
    return [ParquetShard(each, _SAMPLE_BYTES // len(rows)) for each in rows]


def divide(folder: EmbeddedFolder, choice: PartChoice, parts: int) -> list[ParquetRows]:
    """Divides the row groups of a folder into at most so many parts of about the same size."""
    classes = folder.classes()
    return [ParquetRows(folder, groups, classes, choice) for groups in evenly(folder.groups, parts)]


class ParquetShard:
    """Row groups of Parquet files, as a :class:`~coral_learn.distributed.Shard`.

    Each request reads them from beginning to end, and requests that come together share a pass.
    In memory are a few row groups, the label and the bucket of each row, and the rows that folds
    look at if these are few.

    Examples:
        >>> from coral_learn import SoftmaxRegression
        >>> from coral_learn.distributed import open_parquet
        >>> shard = open_parquet("embedded")[0]
        >>> held = shard.describe()
        >>> head = SoftmaxRegression(held.features, len(shard.classes))
        >>> weights, biases = head.weights.T, head.biases
        >>> moments = shard.moments()
        >>> sums = shard.loss_and_gradient(weights, biases)
        >>> rest = shard.held_out_loss(weights, biases)
        >>> bool(moments.weight == sums.weight == rest.weight == held.weights.sum())
        True
        >>> shard.passes
        4
    """

    def __init__(self, rows: ParquetRows, sample_bytes: int = _SAMPLE_BYTES) -> None:
        """Takes the rows; nothing is read yet.

        Args:
            rows: The rows, at least one of which is trained on.
            sample_bytes: The most bytes of embeddings to keep in memory for folds.
        """
        self._rows = rows
        self._sample_bytes = sample_bytes
        self._lock = threading.Lock()
        self._sample: tuple[NDArray[np.int8], MemoryShard | None] | None = None
        self._other_passes = 0

    @property
    def classes(self) -> list[str]:
        """The names of the classes in the whole folder, sorted."""
        return self._rows.classes

    @property
    def passes(self) -> int:
        """How often all rows were read so far."""
        return self._other_passes + self._scan.passes

    def describe(self) -> ShardDescription:
        """Returns what the shard holds."""
        index, form = self._rows.index, self._rows.folder.description
        self._other_passes = 1
        trained = self._rows.is_trained
        count = int(index.labels.max()) + 1
        cells = index.labels[trained].astype(np.int64) * BUCKETS + index.buckets[trained]
        rows = np.bincount(cells, minlength=count * BUCKETS).reshape(count, BUCKETS)
        return ShardDescription(
            form.features, rows, rows.astype(np.float64), quantized=form.dtype != "float32"
        )

    def moments(self, sketch_buckets: int = BUCKETS, *, unit_length: bool = False) -> Moments:
        """Returns sums over all rows.

        Args:
            sketch_buckets: As for :meth:`Shard.moments`.
            unit_length: As for :meth:`Shard.moments`.
        """
        return self._scan.total(lambda rows: rows.moments(sketch_buckets, unit_length=unit_length))

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
        sample = None if fold is None else self._sample_for(fold)
        ask = partial(MemoryShard.loss_and_gradient, unit_length=unit_length)
        if sample is not None:
            return ask(sample, weights, biases, fold)
        return self._scan.total(lambda rows: ask(rows, weights, biases, fold))

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
        sample = None if fold is None else self._sample_for(fold)
        ask = partial(MemoryShard.held_out_loss, unit_length=unit_length)
        if sample is not None:
            return ask(sample, weights, biases, fold, temperatures)
        return self._scan.total(lambda rows: ask(rows, weights, biases, fold, temperatures))

    @cached_property
    def _scan(self) -> SharedScan[int, MemoryShard]:
        return SharedScan(self._rows.trained_groups, self._rows.shard)

    def _sample_for(self, fold: Fold) -> MemoryShard | None:
        """Returns the rows that the folds of a table look at, or None if they are too many."""
        with self._lock:
            if self._sample is None or self._sample[0] is not fold.table:
                self._sample = None  # its memory is free before the next one is read
                self._sample = fold.table, self._gather(fold.table)
            return self._sample[1]

    def _gather(self, table: NDArray[np.int8]) -> MemoryShard | None:
        index = self._rows.index
        seen = self._rows.is_trained & (table[index.labels, index.buckets] != LEFT_OUT)
        size = int(np.count_nonzero(seen)) * self._rows.folder.description.row_bytes
        if not 0 < size <= self._sample_bytes:
            return None
        self._other_passes += 1
        return self._rows.load(seen)
