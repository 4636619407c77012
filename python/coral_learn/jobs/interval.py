"""How far an accuracy can be trusted: the 95% confidence interval of a measured fraction."""

import math
from typing import TypeAlias

Interval: TypeAlias = tuple[float, float]
"""The lower and the upper limit of a fraction, each in [0, 1]."""

_DEVIATIONS = 1.96  # 95% of a normal distribution lies within this many standard deviations


def accuracy_interval(right: float, total: int) -> Interval:
    """Returns the 95% confidence interval of an accuracy (Wilson's score interval).

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927).

    Args:
        right: The number of photos classified correctly; may be a mean over several tests.
        total: The number of photos, at least 1.
    """
    fraction, square = right / total, _DEVIATIONS**2
    middle = (fraction + square / (2 * total)) / (1 + square / total)
    half = (
        _DEVIATIONS
        / (1 + square / total)
        * math.sqrt(fraction * (1 - fraction) / total + square / (4 * total**2))
    )
    # Exact at the ends, where rounding could put the fraction itself outside.
    low = max(0.0, middle - half) if right else 0.0
    return low, min(1.0, middle + half) if right < total else 1.0
