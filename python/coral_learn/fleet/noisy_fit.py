"""Fitting a head to sums with noise: gradient descent with a fixed number of steps.

L-BFGS compares losses, which noise would make meaningless. The mean of the later steps is taken, in
which much of the noise cancels.
"""

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..heads.records import FitRecord
from ..heads.shard import LossSums
from ..heads.softmax_regression import SoftmaxRegression
from .noisy_sums import NOISY_ROUNDS

AskAll: TypeAlias = Callable[[NDArray[np.float32], NDArray[np.float32]], list[LossSums]]
"""Returns the sums of all boards, for weights [C, D] and biases [C]."""

_PENALTY = 1e-3  # of the mean loss, for embeddings whose distance from their center is 1
_MOMENTUM = 0.8
_STEP = 2.0  # in units of the inverse curvature


def fit_noisily(
    head: SoftmaxRegression,
    ask: AskAll,
    center: NDArray[np.float64],
    scale: float,
    progress: Callable[[int], object],
) -> FitRecord:
    """Fits a head to gradients that are clipped and noisy.

    Args:
        head: The head.
        ask: Asks the boards.
        center: What boards subtract from their embeddings, [D].
        scale: How far embeddings are from it, as :func:`public_scale` returns it.
        progress: Called with the number of each step.

    Raises:
        ValueError: No board answers any more.
    """
    # With the biases as the last column, as if each embedding had a further feature of 1.
    weights = np.zeros((head.num_classes, head.feature_dim + 1))
    speed, mean = np.zeros_like(weights), np.zeros_like(weights)
    pull = np.append(np.full(head.feature_dim, _PENALTY * scale**2), 0.0)
    step = _STEP * (1 - _MOMENTUM) / (scale**2 + 1)
    for number in range(NOISY_ROUNDS):
        asked = weights.astype(np.float32)
        answers = ask(asked[:, :-1], asked[:, -1])
        if not answers:
            raise ValueError("all boards have been lost")
        sums = reduce(add, answers)
        gradient = np.column_stack((sums.weight_gradient, sums.bias_gradient)) / sums.weight
        speed = _MOMENTUM * speed - step * (gradient + pull * weights)
        weights = weights + speed
        if number >= NOISY_ROUNDS // 2:
            mean += weights / (NOISY_ROUNDS - NOISY_ROUNDS // 2)
        progress(number)
    head.weights = mean[:, :-1].T.astype(np.float32)
    head.biases = (mean[:, -1] - mean[:, :-1] @ center).astype(np.float32)
    return FitRecord(_PENALTY, {}, [], converged=False)
