"""Photos that are in a data set several times, found by the content of their files."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import present_labels


class Duplicates(NamedTuple):
    """Which rows to keep so that every photo counts once.

    Attributes:
        kept: The rows to keep, in order, int64 [K].
        contradictions: The rows of each photo that is in several classes; none of them is kept.
        copies: The rows of further copies of a kept photo.
    """

    kept: NDArray[np.int64]
    contradictions: list[list[int]]
    copies: list[int]


def find_duplicates(
    digests: Sequence[bytes], labels: NDArray[np.int64], ranks: NDArray[np.int64]
) -> Duplicates:
    """Finds photos with the same content.

    Args:
        digests: The digest of each photo's file; photos without one, b"", equal no other photo.
        labels: The class of each photo, [N].
        ranks: Of the copies of a photo the first with the lowest rank is kept, [N].
    """
    rows_of: dict[bytes, list[int]] = {}
    for row, digest in enumerate(digests):
        if digest:
            rows_of.setdefault(digest, []).append(row)
    contradictions: list[list[int]] = []
    copies: list[int] = []
    for rows in rows_of.values():
        if len(rows) == 1:
            continue
        if len(present_labels(labels[rows])) > 1:
            contradictions.append(rows)
        else:
            best = min(rows, key=lambda row: (ranks[row], row))
            copies += [row for row in rows if row != best]
    dropped = np.array([*copies, *(row for rows in contradictions for row in rows)], np.int64)
    return Duplicates(np.delete(np.arange(len(labels)), dropped), contradictions, sorted(copies))
