"""Numbers of 8 and 32 bits for the network: real value = scale * (stored - zero point).

See B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (2018), and TensorFlow Lite's 8-bit quantization specification.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MAX_WEIGHT = 127
# Some channels are dead: their weights are so small that a bias of many steps would overflow.
_MAX_BIAS = 2.0**30


class Quantization(NamedTuple):
    """The scale and the zero point of a tensor."""

    scale: float
    zero_point: int


class QuantizedFilters(NamedTuple):
    """The weights and biases of a convolution.

    Attributes:
        weights: int8, in the shape of the real weights.
        biases: int32, one for each output channel; their scale is that of the input times that of
            the channel's weights.
        scales: The scale of the weights of each output channel, float32.
        bias_scales: The scale of the bias of each output channel, float32.
    """

    weights: NDArray[np.int8]
    biases: NDArray[np.int32]
    scales: NDArray[np.float32]
    bias_scales: NDArray[np.float32]


def int8_of(low: float, high: float) -> Quantization:
    """Returns how int8 stores real values of a range that is widened to include 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255))
    return Quantization(scale, int(np.clip(round(-128 - low / scale), -128, 127)))


def quantize_filters(
    weights: NDArray[np.float64], biases: NDArray[np.float64], source: Quantization, axis: int
) -> QuantizedFilters:
    """Quantizes the filters of a convolution, each output channel with a scale of its own.

    Args:
        weights: The weights.
        biases: The bias of each output channel.
        source: The quantization of the input.
        axis: The axis of the output channels in the weights.
    """
    others = tuple(each for each in range(weights.ndim) if each != axis)
    largest = np.abs(weights).max(axis=others) / _MAX_WEIGHT
    scales = np.maximum(largest, np.abs(biases) / (source.scale * _MAX_BIAS))
    scales = np.maximum(scales, np.finfo(np.float32).tiny).astype(np.float32)
    shape = [-1 if each == axis else 1 for each in range(weights.ndim)]
    steps = np.rint(weights / scales.astype(np.float64).reshape(shape))
    bias_scales = (scales * np.float32(source.scale)).astype(np.float32)
    return QuantizedFilters(
        np.clip(steps, -_MAX_WEIGHT, _MAX_WEIGHT).astype(np.int8),
        np.rint(biases / bias_scales.astype(np.float64)).astype(np.int32),
        scales,
        bias_scales,
    )
