"""The temperature of a head, with which its probabilities say how often it is right."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import ProbabilityMatrix

# The deviation of the logarithm of the temperature that is expected before any row was seen. With
# 25 rows, the temperature that suits them best is off by a fifth, which costs more than it gains.
_EXPECTED_DEVIATION = 0.25
# Temperatures are powers of exp(1 / 32): a finer choice gains nothing, and the choice from a few
# does not depend on rounding.
_STEPS_PER_UNIT = 32
_COARSE = 8  # steps between the first temperatures that are looked at
_REACH = 4  # on each side of the best so far
_MAX_STEP = 96  # temperatures from 1/20 to 20

LossesAt = Callable[[Sequence[float]], NDArray[np.float64]]
"""Returns the cross entropy of held-out rows, summed, with logits divided by each temperature."""


def choose_temperature(losses_at: LossesAt, unit: float = 1.0) -> float:
    """Returns what logits are to be divided by, so that the loss of held-out rows is the lowest.

    Source: C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
    networks", ICML 2017; with a prior around 1, so that few rows change little.

    Args:
        losses_at: The summed losses of the rows, from heads that were not fitted to them.
        unit: The weight of an ordinary row.
    """
    best = 0
    for distance in (_COARSE, 1):
        reach = _REACH if distance == _COARSE else _COARSE - 1
        while True:
            last = best
            steps = best + distance * np.arange(-reach, reach + 1)
            steps = steps[np.abs(steps) <= _MAX_STEP]
            logarithms = steps / _STEPS_PER_UNIT
            losses = losses_at([float(each) for each in np.exp(logarithms)]) / unit
            best = int(steps[np.argmin(losses + 0.5 * (logarithms / _EXPECTED_DEVIATION) ** 2)])
            if abs(best - last) < reach * distance or abs(best) == _MAX_STEP:
                break
    return float(np.exp(best / _STEPS_PER_UNIT))


def losses_of(probabilities: ProbabilityMatrix, labels: NDArray[np.integer[Any]]) -> LossesAt:
    """Returns the losses of a head that gave some rows these probabilities.

    Args:
        probabilities: The probability of each class, float32 [N, C].
        labels: The class of each row, [N].
    """
    logits = np.log(np.maximum(probabilities, 1e-30)).astype(np.float64)
    right = np.arange(len(labels)), labels

    def losses_at(temperatures: Sequence[float]) -> NDArray[np.float64]:
        return np.array(
            [
                (np.log(np.exp(scaled).sum(axis=1)) - scaled[right]).sum()
                for scaled in (logits / temperature for temperature in temperatures)
            ]
        )

    return losses_at
