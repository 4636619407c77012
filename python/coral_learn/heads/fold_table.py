"""Folds by a table of buckets: what tells shards which of their rows are held out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import LabelVector
from .buckets import BUCKETS
from .folds import FOLDS, fold_numbers

NEVER_HELD_OUT = -1
"""The number of cells whose rows every fold trains on."""

LEFT_OUT = -2
"""The number of cells whose rows no fold looks at, because there are enough others."""

_MIN_ROWS = 50  # of each class


@dataclass(frozen=True, eq=False)
class Fold:
    """One of the folds of a table.

    Attributes:
        table: The fold that holds out the rows of each class and bucket, int8 [C, BUCKETS]:
            at least 0, or NEVER_HELD_OUT or LEFT_OUT. All folds of a search share one array.
        number: The number of this fold.

    Examples:
        >>> import numpy as np
        >>> from coral_learn.distributed import BUCKETS, LEFT_OUT, NEVER_HELD_OUT, Fold
        >>> table = np.full((2, BUCKETS), NEVER_HELD_OUT, np.int8)
        >>> table[:, 7], table[:, 8], table[:, 9] = 0, 1, LEFT_OUT
        >>> fold = Fold(table, number=0)
        >>> labels, buckets = np.array([0, 0, 1, 1]), np.array([6, 7, 8, 9])
        >>> fold.training_rows(labels, buckets).tolist()
        [True, False, True, False]
        >>> fold.held_out_rows(labels, buckets).tolist()
        [False, True, False, False]
        >>> int(fold.training_cells.sum()), int(fold.held_out_cells.sum())
        (508, 2)
    """

    table: NDArray[np.int8]
    number: int

    @property
    def training_cells(self) -> NDArray[np.bool_]:
        """Which rows the fold trains on, by class and bucket, [C, BUCKETS]."""
        return np.asarray((self.table != self.number) & (self.table != LEFT_OUT))

    @property
    def held_out_cells(self) -> NDArray[np.bool_]:
        """Which rows the fold holds out, by class and bucket, [C, BUCKETS]."""
        return np.asarray(self.table == self.number)

    def training_rows(self, labels: LabelVector, buckets: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Returns for each row whether the fold trains on it, bool [N].

        Args:
            labels: The class of each row, [N].
            buckets: The bucket of each row, [N].
        """
        return np.asarray(self.training_cells[labels, buckets])

    def held_out_rows(self, labels: LabelVector, buckets: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Returns for each row whether the fold holds it out, bool [N].

        Args:
            labels: As for :meth:`training_rows`.
            buckets: As for :meth:`training_rows`.
        """
        return np.asarray(self.held_out_cells[labels, buckets])


def deal_folds(
    rows: NDArray[np.int64], grouped: bool, max_rows: float, generator: np.random.Generator
) -> NDArray[np.int8]:
    """Deals the rows of all shards to folds, and returns the table, int8 [C, BUCKETS].

    The cells that hold rows are dealt as rows of their class are, see :func:`fold_numbers`; if
    buckets are those of groups, all cells of a bucket go to one fold. It depends on nothing but the
    arguments, and so not on which shard holds what.

    Args:
        rows: The number of rows of each class and bucket, [C, BUCKETS].
        grouped: Whether rows of a bucket belong together, whatever their classes.
        max_rows: About how many rows to deal; others are left out. Of a class, not more are left
            out than leave 50 rows and five cells.
        generator: Shuffles the cells.
    """
    wanted = rows if rows.sum() <= max_rows else _thinned(rows, max_rows, generator)
    labels, buckets = np.nonzero(wanted)
    table = np.where(rows > 0, LEFT_OUT, NEVER_HELD_OUT).astype(np.int8)
    table[labels, buckets] = fold_numbers(labels, buckets if grouped else None, generator)
    return table


def _thinned(
    rows: NDArray[np.int64], max_rows: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Returns the counts with those of some buckets set to zero; the same buckets for all classes.

    A rare class keeps more of its buckets than others.
    """
    order = generator.permutation(BUCKETS)
    ordered = rows[:, order]
    before = np.cumsum(ordered, axis=1) - ordered
    cells = (ordered > 0).astype(np.int64)
    cells_before = np.cumsum(cells, axis=1) - cells
    share = max_rows / rows.sum()
    enough = np.maximum(share * rows.sum(axis=1, keepdims=True), _MIN_ROWS)
    kept = np.zeros(rows.shape, bool)
    kept[:, order] = (before < enough) | (cells_before < FOLDS)
    return np.where(kept, rows, 0)
