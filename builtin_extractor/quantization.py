"""Numbers of 8 and 32 bits for the network: real value = scale * (stored value - zero point).

See B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (2018), and TensorFlow Lite's 8-bit quantization specification.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_BIAS = 2**30
"""The limit of quantized biases, so that adding the products cannot overflow an int32."""

_MAX_WEIGHT = 127
_ROUNDING = 2**10  # more than the rounding of a scale to float32 can change a bias of MAX_BIAS


class Quantization(NamedTuple):
    """The scale and the zero point of a tensor."""

    scale: float
    zero_point: int


class QuantizedFilters(NamedTuple):
    """The weights and biases of a convolution.

    Attributes:
        weights: int8, in the shape of the real weights.
        biases: int32, one for each output channel.
        scales: The scale of the weights of each output channel, float32.
        bias_scales: The scale of each bias: the input's times that of the weights, float32.
    """

    weights: NDArray[np.int8]
    biases: NDArray[np.int32]
    scales: NDArray[np.float32]
    bias_scales: NDArray[np.float32]


def quantization_of(low: float, high: float) -> Quantization:
    """Returns how int8 stores the real values of a range, which is widened to include 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255))
    return Quantization(scale, int(np.clip(round(-128 - low / scale), -128, 127)))


def quantize_filters(
    weights: NDArray[np.float64], biases: NDArray[np.float64], input_scale: float, axis: int
) -> QuantizedFilters:
    """Quantizes the filters of a convolution, each output channel with a scale of its own.

    The weights of a dead channel are so small that with the best scale for them, the bias would be
    too large for int32; such a channel gets a larger scale.

    Args:
        weights: The weights.
        biases: The bias of each output channel.
        input_scale: The scale of the input.
        axis: The axis of the output channels in the weights.
    """
    others = tuple(each for each in range(weights.ndim) if each != axis)
    for_weights = np.abs(weights).max(axis=others) / _MAX_WEIGHT
    for_biases = np.abs(biases) / (input_scale * (MAX_BIAS - _ROUNDING))
    scales = np.maximum(for_weights, for_biases).astype(np.float32)
    bias_scales = scales * np.float32(input_scale)
    steps = np.rint(weights / np.expand_dims(scales.astype(np.float64), others))
    return QuantizedFilters(
        np.clip(steps, -_MAX_WEIGHT, _MAX_WEIGHT).astype(np.int8),
        np.rint(biases / bias_scales.astype(np.float64)).astype(np.int32),
        scales,
        bias_scales,
    )
