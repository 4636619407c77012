"""The rows of some row groups of embedded photos that are trained on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..embedded.folder import EmbeddedFolder, RowGroup
from ..embeddings import Embeddings
from ..heads.buckets import buckets_of
from ..heads.memory_shard import MemoryShard
from .parts import TRAIN, PartChoice
from .scan import read_ahead


class RowIndex(NamedTuple):
    """What is known of all rows of some row groups.

    Attributes:
        labels: The index of the class of each row, [N].
        buckets: The bucket of each row, [N].
        parts: The part of each row, [N].
    """

    labels: NDArray[np.int32]
    buckets: NDArray[np.uint8]
    parts: NDArray[np.int8]


class ParquetRows:
    """Some row groups of a folder of embedded photos.

    Attributes:
        folder: The folder.
        groups: The row groups, at least one.
        classes: The names of the classes, in the order of the labels.
    """

    def __init__(
        self,
        folder: EmbeddedFolder,
        groups: Sequence[RowGroup],
        classes: Sequence[str],
        choice: PartChoice,
    ) -> None:
        """Takes the row groups; nothing is read yet.

        Args:
            folder: The folder.
            groups: The row groups.
            classes: The names of the classes.
            choice: Which rows are trained on.
        """
        self.folder = folder
        self.groups = groups
        self.classes = list(classes)
        self._choice = choice
        self._starts = np.concatenate([[0], np.cumsum([group.rows for group in groups])])

    @cached_property
    def index(self) -> RowIndex:
        """What is known of the rows, for which they are all read once."""
        number = {name: index for index, name in enumerate(self.classes)}
        labels, buckets, parts = [], [], []
        embeddings = read_ahead(self.groups, self.folder.embeddings)
        for group, rows in zip(self.groups, embeddings, strict=True):
            about = self.folder.read_group(group, ["label", "split"])
            buckets.append(buckets_of(rows))
            names = about["label"].to_pylist()
            labels.append(np.array([number[name] for name in names], np.int32))
            parts.append(self._choice.parts(about["split"].to_pylist(), buckets[-1]))
        return RowIndex(np.concatenate(labels), np.concatenate(buckets), np.concatenate(parts))

    @cached_property
    def is_trained(self) -> NDArray[np.bool_]:
        """Whether each row is trained on, [N]."""
        trained: NDArray[np.bool_] = self.index.parts == TRAIN
        return trained

    @cached_property
    def trained_groups(self) -> list[int]:
        """The numbers of the row groups with rows that are trained on."""
        return self._groups_with(self.is_trained)

    def rows_of(self, group: int) -> slice:
        """Returns the rows of one of the row groups."""
        return slice(self._starts[group], self._starts[group + 1])

    def embeddings(self, group: int, wanted: NDArray[np.bool_]) -> Embeddings:
        """Returns the embeddings of those rows of a row group that are wanted, of all [N]."""
        chosen = wanted[self.rows_of(group)]
        rows = self.folder.embeddings(self.groups[group])
        return rows if chosen.all() else rows[chosen]

    def shard(self, group: int) -> MemoryShard:
        """Returns the rows of a row group that are trained on, at least one."""
        rows = self.rows_of(group)
        return self._shard(
            self.embeddings(group, self.is_trained),
            np.flatnonzero(self.is_trained[rows]) + rows.start,
        )

    def load(self, wanted: NDArray[np.bool_]) -> MemoryShard:
        """Returns the rows that are wanted, of all [N], at least one, in memory."""
        parts = list(self._chosen(wanted))
        return self._shard(Embeddings.concatenate(parts), np.flatnonzero(wanted))

    def _chosen(self, wanted: NDArray[np.bool_]) -> Generator[Embeddings, None, None]:
        return read_ahead(self._groups_with(wanted), lambda group: self.embeddings(group, wanted))

    def _groups_with(self, wanted: NDArray[np.bool_]) -> list[int]:
        return [group for group in range(len(self.groups)) if wanted[self.rows_of(group)].any()]

    def _shard(self, embeddings: Embeddings, rows: NDArray[np.int64]) -> MemoryShard:
        return MemoryShard(embeddings, self.index.labels[rows], buckets=self.index.buckets[rows])
