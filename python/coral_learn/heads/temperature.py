"""The temperature of a head, with which its probabilities say how often it is right."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..arrays import LabelVector, ProbabilityMatrix, SampleWeightVector

_MIN_PROBABILITY = 1e-9
# The deviation of the logarithm of the temperature that is expected before any row was seen. With
# 25 rows, the temperature that suits them best is off by a fifth, which costs more than it gains.
_EXPECTED_DEVIATION = 0.25
_STEPS = 20  # of Newton's method; it converges in four to eight


class HeldOutAnswers(NamedTuple):
    """What a head says about rows that it was not fitted to.

    Attributes:
        probabilities: The probability of each class, float32 [H, C].
        labels: The class of each row, [H].
        weights: How much each row counts, float32 [H].
    """

    probabilities: ProbabilityMatrix
    labels: LabelVector
    weights: SampleWeightVector

    @property
    def loss(self) -> float:
        """The cross entropy, summed over the rows."""
        of_labels = self.probabilities[np.arange(len(self.labels)), self.labels]
        losses = -np.log(np.maximum(of_labels, _MIN_PROBABILITY)) * self.weights
        return float(losses.sum(dtype=np.float64))


def choose_temperature(answers: Sequence[HeldOutAnswers], unit: float = 1.0) -> float:
    """Returns what logits are to be divided by, so that the loss of held-out rows is the lowest.

    Source: C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
    networks", ICML 2017; with a prior around 1, so that few rows change little.

    Args:
        answers: What heads say about the rows that they were not fitted to.
        unit: The weight of an ordinary row.
    """
    if not answers:
        return 1.0
    logits = np.concatenate([np.log(np.maximum(each.probabilities, 1e-30)) for each in answers])
    labels = np.concatenate([each.labels for each in answers])
    weights = np.concatenate([each.weights for each in answers]).astype(np.float64) / unit
    right = logits[np.arange(len(labels)), labels].astype(np.float64)
    log_factor = 0.0  # of 1 / temperature
    for _ in range(_STEPS):
        factor = np.exp(log_factor)
        probabilities = np.exp(factor * (logits - logits.max(axis=1, keepdims=True)))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        mean = (probabilities * logits).sum(axis=1, dtype=np.float64)
        spread = (probabilities * logits**2).sum(axis=1, dtype=np.float64) - mean**2
        slope = factor * float(weights @ (mean - right)) + log_factor / _EXPECTED_DEVIATION**2
        bend = factor**2 * float(weights @ spread) + 1 / _EXPECTED_DEVIATION**2
        step = slope / (bend + max(0.0, slope))
        log_factor -= step
        if abs(step) < 1e-4:
            break
    return float(np.exp(-log_factor))
