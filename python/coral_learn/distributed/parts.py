"""Which rows of a large folder of embedded photos are trained on, and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..heads.buckets import BUCKETS

TRAIN, VALIDATION, TEST = 0, 1, 2
_NUMBERS = {"train": TRAIN, "validation": VALIDATION, "test": TEST, None: TRAIN}


class PartChoice(NamedTuple):
    """How rows are split: as the folder says, and by the buckets of what it says to train on.

    Copies of a photo have one bucket, and so are never in two parts.

    Attributes:
        validation: The buckets to validate on.
        test: The buckets to test on.
    """

    validation: frozenset[int] = frozenset()
    test: frozenset[int] = frozenset()

    def parts(self, splits: Sequence[str | None], buckets: NDArray[np.uint8]) -> NDArray[np.int8]:
        """Returns the part of each row: TRAIN, VALIDATION or TEST.

        Args:
            splits: What the folder says of each row.
            buckets: The bucket of each row.
        """
        given = np.array([_NUMBERS[split] for split in splits], np.int8)
        of_bucket = np.full(BUCKETS, TRAIN, np.int8)
        of_bucket[list(self.validation)] = VALIDATION
        of_bucket[list(self.test)] = TEST
        return np.where(given == TRAIN, of_bucket[buckets], given)


def choose_parts(
    known: set[str | None], validation: float, test: float, seed: int | None
) -> PartChoice:
    """Chooses buckets at random for the parts that a folder does not have.

    Args:
        known: The parts that the folder has.
        validation: The fraction of the rows to validate on.
        test: The fraction of the rows to test on.
        seed: The same seed gives the same parts.
    """
    order = np.random.default_rng(seed).permutation(BUCKETS).tolist()
    tests = 0 if "test" in known else round(test * BUCKETS)
    validations = 0 if "validation" in known else round(validation * BUCKETS)
    return PartChoice(frozenset(order[tests : tests + validations]), frozenset(order[:tests]))
