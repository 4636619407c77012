"""Sums with noise, which hide whether any one photo is among those of a board.

The mechanism is that of DP-SGD on all rows at once: the gradient of each photo is clipped to a
length, and Gaussian noise is added to their sum (Abadi et al. 2016). Each answer is then private,
and so are all together: r answers with noise s have a zero-concentrated privacy loss of r / (2 s^2)
(Bun and Steinke 2016), for the presence of one photo. The number of photos is told as it is.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..arrays import AnyArray, BiasVector, WeightMatrix
from ..embeddings import Embeddings
from ..heads.shard import LossSums

NOISY_ROUNDS = 40
"""The number of answers with noise that a board gives in a run."""

DELTA = 1e-5
"""The probability for which :func:`epsilon` does not hold."""

_BLOCK_ROWS = 4096


def public_scale(fingerprint: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Returns the center of embeddings, [D], and how far they are from it.

    Both come from drawn pictures, so that they tell nothing of photos.
    """
    center = fingerprint.mean(axis=0, dtype=np.float64)
    apart = ((fingerprint - center) ** 2).sum(axis=1)
    return center, float(np.sqrt(apart.mean()))


def epsilon(noise: float, rounds: int = NOISY_ROUNDS) -> float:
    """Returns the privacy loss of a photo, at :data:`DELTA`.

    Args:
        noise: The standard deviation of the noise, in lengths to which a gradient is clipped.
        rounds: The number of answers.
    """
    rho = rounds / (2 * noise**2)
    return rho + 2 * math.sqrt(rho * math.log(1 / DELTA))


def noisy_gradient(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    weights: WeightMatrix,
    biases: BiasVector,
    *,
    center: NDArray[np.float64],
    clip: float,
    noise: float,
    generator: np.random.Generator,
) -> LossSums:
    """Returns the sum of clipped gradients plus noise; its loss is 0, because nobody is told it.

    Args:
        embeddings: [N, D].
        labels: The class of each, [N].
        weights: float32 [C, D], for embeddings minus ``center``.
        biases: float32 [C].
        center: Is subtracted from embeddings, [D].
        clip: The length to which the gradient of each row is clipped, above 0.
        noise: The standard deviation of the noise for each number, in units of ``clip``.
        generator: Draws the noise.
    """
    total, bias_total = np.zeros(weights.shape), np.zeros(len(biases))
    for start in range(0, len(labels), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        x: AnyArray = np.asarray(embeddings[rows]) - center
        residual = _softmax(x @ weights.T + biases)
        residual[np.arange(len(x)), labels[rows]] -= 1
        lengths = np.linalg.norm(residual, axis=1) * np.sqrt((x**2).sum(axis=1) + 1)
        residual *= np.minimum(1, clip / np.maximum(lengths, 1e-30))[:, np.newaxis]
        total += residual.T @ x
        bias_total += residual.sum(axis=0)
    total += generator.normal(0, noise * clip, total.shape)
    bias_total += generator.normal(0, noise * clip, bias_total.shape)
    return LossSums(0.0, total, bias_total, float(len(labels)))


def _softmax(logits: AnyArray) -> AnyArray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: AnyArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result
