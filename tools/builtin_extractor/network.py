"""EfficientNet-Lite0 as a list of layers, from its weights.

The architecture is that of tensorflow/tpu, models/official/efficientnet/lite (Apache-2.0), after
M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
(2019). The batch normalization after each convolution is folded into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .weights import Weights

INPUT_SIZE = 224
FEATURES = 1280
_EPSILON = 1e-3  # of the batch normalization
_STEM_FILTERS, _STEM_STRIDE = 32, 2
_RELU6 = (0.0, 6.0)
# Calibration on photos gains nothing over ranges of 3 to 8 standard deviations.
_DEVIATIONS = 4.0


class Stage(NamedTuple):
    """A run of blocks of the same shape; the first one has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters_in: int
    filters_out: int


STAGES = (
    Stage(1, 3, 1, 1, 32, 16),
    Stage(2, 3, 2, 6, 16, 24),
    Stage(2, 5, 2, 6, 24, 40),
    Stage(3, 3, 2, 6, 40, 80),
    Stage(3, 5, 1, 6, 80, 112),
    Stage(4, 5, 2, 6, 112, 192),
    Stage(1, 3, 1, 6, 192, 320),
)


class Moments(NamedTuple):
    """The mean and the variance of each channel over photos, by the batch normalization.

    After it, a channel has the mean beta and the standard deviation gamma.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    def __add__(self, other: Moments) -> Moments:  # type: ignore[override] # not of tuples
        """Returns the moments of a sum of independent tensors."""
        return Moments(self.mean + other.mean, self.variance + other.variance)

    def range(self) -> tuple[float, float]:
        """Returns the range that holds nearly all values."""
        spread = _DEVIATIONS * np.sqrt(self.variance)
        return float((self.mean - spread).min()), float((self.mean + spread).max())


class Convolution(NamedTuple):
    """A convolution with SAME padding, and what follows it.

    Attributes:
        name: The name of its output.
        weights: float64 [O, h, w, I], or [1, h, w, C] for a depthwise convolution.
        biases: float64 [O] or [C].
        stride: The stride in both directions.
        is_depthwise: Whether each channel has a filter of its own.
        has_relu6: Whether ReLU6 follows.
        range: The range of its output.
        shortcut: The range of the sum of its output and the block's input; None if they are not
            added.
    """

    name: str
    weights: NDArray[np.float64]
    biases: NDArray[np.float64]
    stride: int
    is_depthwise: bool
    has_relu6: bool
    range: tuple[float, float]
    shortcut: tuple[float, float] | None = None


def layers(weights: Weights) -> Iterator[Convolution]:
    """Yields the convolutions of the network, from the image to the last one before the pooling."""
    yield _convolution(weights, "stem", "_conv_stem", "_bn0", stride=_STEM_STRIDE)
    index = 0
    for stage in STAGES:
        moments: Moments | None = None  # of the input of a block that adds it
        for repeat in range(stage.repeats):
            prefix, name = f"_blocks.{index}.", f"block{index}"
            if stage.expansion > 1:
                yield _convolution(
                    weights, f"{name}/expand", f"{prefix}_expand_conv", f"{prefix}_bn0"
                )
            yield _convolution(
                weights,
                f"{name}/depthwise",
                f"{prefix}_depthwise_conv",
                f"{prefix}_bn1",
                stride=stage.stride if repeat == 0 else 1,
            )
            projected = _convolution(
                weights, f"{name}/project", f"{prefix}_project_conv", f"{prefix}_bn2", relu6=False
            )
            found = _moments(weights, f"{prefix}_bn2")
            if moments is not None:
                found = moments + found
                projected = projected._replace(shortcut=found.range())
            yield projected
            moments = found
            index += 1
    yield _convolution(weights, "head", "_conv_head", "_bn1")


def _convolution(
    weights: Weights,
    name: str,
    convolution: str,
    normalization: str,
    *,
    stride: int = 1,
    relu6: bool = True,
) -> Convolution:
    """Folds y = gamma (x - mean) / sqrt(variance + epsilon) + beta into a convolution."""
    kernel = weights[f"{convolution}.weight"].astype(np.float64)
    gamma, beta, mean, variance = (
        weights[f"{normalization}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gamma / np.sqrt(variance + _EPSILON)
    kernel = kernel * factor[:, None, None, None]
    is_depthwise = convolution.endswith("_depthwise_conv")
    moments = _moments(weights, normalization)
    return Convolution(
        name,
        kernel.transpose((1, 2, 3, 0) if is_depthwise else (0, 2, 3, 1)),
        beta - mean * factor,
        stride,
        is_depthwise,
        relu6,
        _RELU6 if relu6 else moments.range(),
    )


def _moments(weights: Weights, normalization: str) -> Moments:
    gamma: NDArray[Any] = weights[f"{normalization}.weight"].astype(np.float64)
    return Moments(weights[f"{normalization}.bias"].astype(np.float64), gamma**2)
