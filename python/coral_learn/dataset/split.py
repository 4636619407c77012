"""Splits of photos into parts: to train on, to validate on and to test on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import present_labels


@dataclass(frozen=True)
class Split:
    """A split of rows into disjoint parts; each part is an array of row numbers, int64.

    Attributes:
        train: The rows to train on.
        validation: The rows to validate on, while training.
        test: The rows to test on.

    Examples:
        >>> import numpy as np
        >>> from coral_learn import Split
        >>> split = Split(np.array([0, 1, 4]), np.array([2]), np.array([3]))
        >>> split
        Split(3 train, 1 validation, 1 test)
        >>> split.of_rows(np.array([3, 4])).train.tolist()
        [1]
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    def __repr__(self) -> str:
        train, validation, test = (len(part) for part in (self.train, self.validation, self.test))
        return f"Split({train} train, {validation} validation, {test} test)"

    def of_rows(self, rows: NDArray[np.int64]) -> "Split":
        """Returns the split of some of the rows, by their places in ``rows``, [K].

        Args:
            rows: The row numbers to keep, int64 [K].
        """
        parts = (self.train, self.validation, self.test)
        return Split(*(np.flatnonzero(np.isin(rows, part)) for part in parts))


def split_by_class(
    labels: NDArray[np.int64],
    validation: float,
    test: float,
    seed: int | None = None,
    groups: NDArray[np.int64] | None = None,
) -> Split:
    """Splits rows at random, with the same fractions for every class.

    A class with few rows gives at least one row to each part that is asked for, as long as one row
    remains for training. All rows of a group go to the same part, so that the parts of classes with
    large groups are only about as large as asked for.

    Args:
        labels: The class of each row, [N].
        validation: The fraction of rows for validation, in [0, 1).
        test: The fraction of rows for the test, in [0, 1). The sum of both must be less than 1.
        seed: The same seed gives the same split.
        groups: The number of the group of each row, [N], such as frames of the same video; by
            default every row is a group of its own.

    Returns:
        The split, in which every row is in exactly one part. The rows of each part are shuffled.

    Raises:
        ValueError: The fractions are out of range.

    Examples:
        >>> import numpy as np
        >>> from coral_learn import split_by_class
        >>> labels = np.array([0] * 10 + [1] * 20)
        >>> split_by_class(labels, validation=0.1, test=0.2, seed=0)
        Split(21 train, 3 validation, 6 test)
    """
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise ValueError(
            "the validation and test fractions must be at least 0 and sum to less than 1, "
            f"not {validation} and {test}"
        )
    generator = np.random.default_rng(seed)
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for label in present_labels(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        if groups is not None:
            rows = _by_group(rows, groups[rows])
        tests = _share(len(rows), test)
        validations = min(_share(len(rows), validation), len(rows) - tests - 1)
        cuts = (len(rows) - tests - validations, len(rows) - tests)
        if groups is not None:
            cuts = _between_groups(cuts, groups[rows])
        for part, chosen in zip(parts, np.split(rows, cuts), strict=True):
            part.append(chosen)
    train, held, tested = (
        generator.permutation(np.concatenate(part or [np.empty(0, np.int64)])) for part in parts
    )
    return Split(train, held, tested)


def _share(rows: int, fraction: float) -> int:
    """Returns how many rows of a class go to a part: at least one, but never all."""
    return min(max(round(rows * fraction), 1), rows - 1) if fraction > 0 else 0


def _by_group(rows: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns rows with those of a group beside each other, the groups in the order of the rows."""
    _, first, group_of_row = np.unique(groups, return_index=True, return_inverse=True)
    order: NDArray[np.int64] = rows[np.argsort(first[group_of_row], kind="stable")]
    return order


def _between_groups(cuts: tuple[int, int], groups: NDArray[np.int64]) -> tuple[int, int]:
    """Moves the places where the validation and the test rows begin to places between groups.

    A part that cannot get a group, because the training rows need one, becomes empty.
    """
    validation, test = cuts
    places = (np.flatnonzero(np.diff(groups)) + 1).tolist()
    moved = len(groups)
    if test < len(groups):
        free = places[1:] if validation < test and len(places) > 1 else places
        moved = min(free, key=lambda place: abs(place - test), default=moved)
    if validation == test:
        return moved, moved
    free = [place for place in places if place < moved]
    return min(free, key=lambda place: abs(place - validation), default=moved), moved
