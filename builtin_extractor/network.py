"""EfficientNet-Lite0 as a list of convolutions, from its weights.

The architecture is that of tensorflow/tpu, models/official/efficientnet/lite (Apache-2.0). See
M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
(2019). The batch normalization after each convolution becomes part of it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .weights import Weights

INPUT_SIZE = 224
FEATURES = 1280
EMBEDDING_RANGE = (0.0, 4.0)  # of means of values from 0 to 6
_RELU6_RANGE = (0.0, 6.0)
_EPSILON = 1e-3  # of the batch normalization
_DEVIATIONS = 4.0  # ranges of 3 to 8 standard deviations give embeddings that are as good


class Stage(NamedTuple):
    """Blocks in a row with the same number of output channels; the first one has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels_in: int
    channels_out: int


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
    """The mean and the variance of each channel over all photos and places.

    They are known without photos: a batch normalization gives a channel the mean beta and the
    standard deviation gamma.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    def plus(self, other: "Moments") -> "Moments":
        """Returns the moments of the sum of two tensors that do not depend on each other."""
        return Moments(self.mean + other.mean, self.variance + other.variance)

    def range(self) -> tuple[float, float]:
        """Returns the lowest and the highest value that the quantized tensor stores."""
        spread = _DEVIATIONS * np.sqrt(self.variance)
        return float((self.mean - spread).min()), float((self.mean + spread).max())


class Convolution(NamedTuple):
    """A convolution with SAME padding, and what follows it.

    Attributes:
        name: The name of its output.
        weights: float64 [O, h, w, I], or [1, h, w, C] if it is depthwise.
        biases: float64 [O] or [C].
        stride: The stride in both directions.
        is_depthwise: Whether each channel has a filter of its own.
        has_relu6: Whether ReLU6 follows. If not, this is the end of a block.
        range: The range of its output.
        sum_range: The range of the sum of its output and the input of the block; None if they are
            not added.
    """

    name: str
    weights: NDArray[np.float64]
    biases: NDArray[np.float64]
    stride: int
    is_depthwise: bool
    has_relu6: bool
    range: tuple[float, float]
    sum_range: tuple[float, float] | None = None


def convolutions(weights: Weights) -> Iterator[Convolution]:
    """Yields the convolutions, from the first one to the last one before the pooling."""
    yield _convolution(weights, "stem", "_conv_stem", "_bn0", stride=2)
    index = 0
    for stage in STAGES:
        moments = None  # of the input of the block, if the block adds it
        for repeat in range(stage.repeats):
            name, prefix = f"block{index}", f"_blocks.{index}."
            stride = stage.stride if repeat == 0 else 1
            if stage.expansion > 1:
                names = (f"{name}/expand", f"{prefix}_expand_conv", f"{prefix}_bn0")
                yield _convolution(weights, *names)
            names = (f"{name}/depthwise", f"{prefix}_depthwise_conv", f"{prefix}_bn1")
            yield _convolution(weights, *names, stride=stride)
            names = (f"{name}/project", f"{prefix}_project_conv", f"{prefix}_bn2")
            projection = _convolution(weights, *names, has_relu6=False)
            projected = _moments(weights, f"{prefix}_bn2")
            if moments is None:
                moments = projected
                yield projection
            else:
                moments = moments.plus(projected)
                yield projection._replace(sum_range=moments.range())
            index += 1
    yield _convolution(weights, "head", "_conv_head", "_bn1")


def _convolution(
    weights: Weights,
    name: str,
    convolution: str,
    normalization: str,
    *,
    stride: int = 1,
    has_relu6: bool = True,
) -> Convolution:
    """Returns a convolution followed by y = gamma (x - mean) / sqrt(variance + epsilon) + beta."""
    gamma, beta, mean, variance = (
        weights[f"{normalization}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gamma / np.sqrt(variance + _EPSILON)
    kernel = weights[f"{convolution}.weight"].astype(np.float64) * factor[:, None, None, None]
    is_depthwise = convolution.endswith("_depthwise_conv")
    return Convolution(
        name,
        kernel.transpose((1, 2, 3, 0) if is_depthwise else (0, 2, 3, 1)),  # from [O, I, h, w]
        beta - mean * factor,
        stride,
        is_depthwise,
        has_relu6,
        _RELU6_RANGE if has_relu6 else _moments(weights, normalization).range(),
    )


def _moments(weights: Weights, normalization: str) -> Moments:
    gamma = weights[f"{normalization}.weight"].astype(np.float64)
    return Moments(weights[f"{normalization}.bias"].astype(np.float64), gamma**2)
