"""A threshold from a wish: only answers that are right often enough are given."""

from dataclasses import dataclass

import numpy as np

from ..words import percent
from .held_out import HeldOutScores
from .interval import Interval


@dataclass(frozen=True)
class Threshold:
    """The lowest probability of an answer, and what it does to photos that were held out.

    Attributes:
        probability: The lowest probability of an answer, in [0, 1].
        precision: The fraction of the answers that are right, in [0, 1].
        answered: The fraction of the photos that get an answer, in [0, 1].
        interval: The 95% confidence interval of the precision. The lowest threshold that is good
            enough for the held-out photos is often a little too low for others.
    """

    probability: float
    precision: float
    answered: float
    interval: Interval


def as_precision(value: float | None) -> float:
    """Checks a precision.

    Raises:
        ValueError: It is not in (0, 1].
    """
    if not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError(f"precision must be above 0 and at most 1, not {value!r}")
    return value


def choose_threshold(scores: HeldOutScores, precision: float) -> Threshold:
    """Returns the lowest threshold with which answers are right as often as is wished.

    Args:
        scores: Scores of photos that were held out.
        precision: The fraction of the answers that are to be right, in (0, 1].

    Raises:
        ValueError: No threshold is high enough.
    """
    confidence = scores.confidence
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    precisions = np.cumsum(scores.right[order]) / np.arange(1, len(order) + 1)
    # Answers of the same probability are all above a threshold, or none is.
    last = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)
    good = np.flatnonzero(last & (precisions >= precision))
    if not len(good):
        best = float(precisions[last].max())
        raise ValueError(
            f"no threshold gives a precision of {precision:g}: at best, {percent(best)} of the "
            "answers on held-out photos are right. Wish for less, or add photos"
        )
    count = int(good[-1])
    following = sorted_confidence[count + 1] if count + 1 < len(order) else 0.0
    middle = float(sorted_confidence[count] + following) / 2
    found, answered = float(precisions[count]), (count + 1) / len(order)
    given = scores.of_rows(confidence >= sorted_confidence[count])
    return Threshold(middle, found, answered, given.interval(found))
