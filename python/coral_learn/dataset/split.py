"""Splits of photos into parts: to train on, to validate on and to test on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """A split of rows into disjoint parts; each part is an array of row numbers, int64.

    Attributes:
        train: The rows to train on.
        validation: The rows to validate on, while training.
        test: The rows to test on.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    def of_rows(self, rows: NDArray[np.int64]) -> "Split":
        """Returns the split of some of the rows, by their places in ``rows``, [K]."""
        parts = (self.train, self.validation, self.test)
        return Split(*(np.flatnonzero(np.isin(rows, part)) for part in parts))


def split_by_class(
    labels: NDArray[np.int64], validation: float, test: float, seed: int | None = None
) -> Split:
    """Splits rows at random, with the same fractions for every class.

    A class with few rows gives at least one row to each part that is asked for, as long as one row
    remains for training.

    Args:
        labels: The class of each row, [N].
        validation: The fraction of rows for validation, in [0, 1).
        test: The fraction of rows for the test, in [0, 1). The sum of both must be less than 1.
        seed: The same seed gives the same split.

    Raises:
        ValueError: The fractions are out of range.
    """
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise ValueError(
            "the validation and test fractions must be at least 0 and sum to less than 1, "
            f"not {validation} and {test}"
        )
    generator = np.random.default_rng(seed)
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        tests = _share(len(rows), test)
        validations = min(_share(len(rows), validation), len(rows) - tests - 1)
        for part, chosen in zip(
            parts, np.split(rows, [len(rows) - tests - validations, len(rows) - tests]), strict=True
        ):
            part.append(chosen)
    train, held, tested = (
        generator.permutation(np.concatenate(part or [np.empty(0, np.int64)])) for part in parts
    )
    return Split(train, held, tested)


def _share(rows: int, fraction: float) -> int:
    """Returns how many rows of a class go to a part: at least one, but never all."""
    return min(max(round(rows * fraction), 1), rows - 1) if fraction > 0 else 0
