"""The numbers of a quantized softmax head: ranges, stored weights, and what they compute."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Room for the products of 16,000 features beside the largest bias in a 32-bit sum.
_MOST_BIAS = 2**30
# Outside these, products of scales are no longer exact in 32-bit floats.
SMALLEST_SCALE = 2.0**-100
LARGEST_SCALE = 2.0**100
# No probability changes by steps as small as these, and some runtimes abort the process when the
# logits of a softmax have steps of 2**-26 or less.
SMALLEST_LOGIT_STEP = 2.0**-20
_SMALLEST_SUM_STEP = 2.0**-40

# The part of the full range that is tried. A narrower one cuts off the few values at its ends and
# has finer steps for all others.
_WEIGHT_PARTS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
_LOGIT_PARTS = tuple(np.linspace(1.0, 0.4, 13))
_MOST_CALIBRATION_NUMBERS = 2**20


@dataclass(frozen=True)
class Quantization:
    """How a tensor stores real numbers: ``real = (stored - zero_point) * scale``.

    Attributes:
        dtype: uint8 or int8.
        scale: Positive.
        zero_point: Within the range of ``dtype``.
    """

    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    @classmethod
    def of_range(
        cls, dtype: np.dtype[Any], low: float, high: float, smallest_scale: float = SMALLEST_SCALE
    ) -> "Quantization":
        """Spreads the stored values over [low, high], widened to hold 0."""
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32(np.clip((high - low) / 255, smallest_scale, LARGEST_SCALE)))
        lowest, highest = _limits(dtype)
        zero_point = int(np.clip(np.rint(lowest - low / scale), lowest, highest))
        return cls(dtype, scale, zero_point)

    @property
    def low(self) -> float:
        """The smallest real number that can be stored."""
        return (_limits(self.dtype)[0] - self.zero_point) * self.scale

    @property
    def high(self) -> float:
        """The largest real number that can be stored."""
        return (_limits(self.dtype)[1] - self.zero_point) * self.scale

    def quantize(self, real: ArrayLike) -> NDArray[Any]:
        """Stores real numbers; those outside the range become its ends."""
        lowest, highest = _limits(self.dtype)
        return _in_steps(real, self.scale, self.zero_point, lowest, highest).astype(self.dtype)

    def dequantize(self, stored: ArrayLike) -> NDArray[np.float64]:
        """Reads stored values as real numbers."""
        return (np.asarray(stored, np.float64) - self.zero_point) * self.scale


def probability_quantization(dtype: np.dtype[Any]) -> Quantization:
    """Returns how SOFTMAX stores probabilities, which the runtimes prescribe."""
    return Quantization(dtype, 1 / 256, _limits(dtype)[0])


@dataclass(frozen=True)
class QuantizedLayer:
    """The linear layer of a softmax head.

    Attributes:
        embedding: Of the tensor that the layer reads.
        weights: Stored values of ``embedding.dtype``, [D, C].
        weight_scales: float32 [1], or [C] when quantized per channel.
        weight_zero_point: Of all weights.
        biases: int32 [C], in units of ``bias_scales``.
    """

    embedding: Quantization
    weights: NDArray[Any]
    weight_scales: NDArray[np.float32]
    weight_zero_point: int
    biases: NDArray[np.int32]

    @classmethod
    def of_scales(
        cls,
        weights: NDArray[np.float32],
        biases: NDArray[np.float32],
        embedding: Quantization,
        weight_scales: NDArray[np.float32],
        weight_zero_point: int,
    ) -> "QuantizedLayer":
        """Stores real weights [D, C] and biases [C] in given steps."""
        lowest, highest = _limits(embedding.dtype)
        if embedding.dtype == np.int8:  # the runtimes take no -128 in weights
            lowest = -highest
        stored = _in_steps(weights, weight_scales, weight_zero_point, lowest, highest)
        bias_scales = np.float32(embedding.scale) * weight_scales
        return cls(
            embedding,
            stored.astype(embedding.dtype),
            weight_scales,
            weight_zero_point,
            _in_steps(biases, bias_scales, 0, -_MOST_BIAS, _MOST_BIAS).astype(np.int32),
        )

    @property
    def bias_scales(self) -> NDArray[np.float32]:
        """Scales of the biases, and of the sums that the layer makes, float32 [1] or [C]."""
        return np.float32(self.embedding.scale) * self.weight_scales

    def sums(self, embeddings: ArrayLike) -> NDArray[np.float64]:
        """Computes the layer's whole-number sums [N, C] of stored embeddings [N, D]."""
        centred = np.asarray(embeddings, np.float64) - self.embedding.zero_point
        weights = np.subtract(self.weights, self.weight_zero_point, dtype=np.float64)
        return np.asarray(centred @ weights + self.biases)

    def logits(self, embeddings: ArrayLike) -> NDArray[np.float64]:
        """Computes the logits [N, C] of stored embeddings [N, D]."""
        return self.sums(embeddings) * self.bias_scales

    def bounds(self) -> tuple[float, float]:
        """Returns the smallest and the largest logit that any embedding could lead to."""
        lowest, highest = (end - self.embedding.zero_point for end in _limits(self.embedding.dtype))
        weights = np.subtract(self.weights, self.weight_zero_point, dtype=np.int16)
        raising = np.maximum(weights, 0).sum(axis=0, dtype=np.int64)
        lowering = np.minimum(weights, 0).sum(axis=0, dtype=np.int64)
        low = raising * lowest + lowering * highest + self.biases
        high = raising * highest + lowering * lowest + self.biases
        return float((low * self.bias_scales).min()), float((high * self.bias_scales).max())


@dataclass(frozen=True)
class QuantizedHead:
    """A softmax head of a quantized model.

    Attributes:
        layer: The linear layer.
        logits: Of the tensor between the linear layer and the softmax.
    """

    layer: QuantizedLayer
    logits: Quantization

    def compute(self, embeddings: ArrayLike) -> NDArray[Any]:
        """Computes as a runtime does, in exact arithmetic between the roundings that it makes.

        Runtimes have ways of their own to round, so that one logit may differ by one step.

        Args:
            embeddings: Stored values [N, D] of ``layer.embedding.dtype``.

        Returns:
            Stored probabilities [N, C]; see :func:`probability_quantization`.
        """
        probabilities = softmax(_as_stored(self.logits, self.layer.logits(embeddings)))
        return probability_quantization(self.logits.dtype).quantize(probabilities)


def quantize_head(
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    embedding: Quantization,
    calibration: NDArray[np.float32] | None = None,
    *,
    per_channel: bool = False,
) -> QuantizedHead:
    """Quantizes a head so that it loses the least on the calibration embeddings.

    The loss is the mean Kullback-Leibler divergence of the head's probabilities from the float
    head's. The range of the weights is chosen first, then, with the weights as stored, the two ends
    of the range of the logits. Without calibration the weights have their full range, and the
    logits the widest that any embedding could lead to.

    Args:
        weights: [D, C].
        biases: [C].
        embedding: Of the tensor that the head reads.
        calibration: Real embeddings [N, D], or None.
        per_channel: One scale for the weights of each class; int8 only.
    """
    if calibration is None or not len(calibration):
        layer = _quantize_layer(weights, biases, embedding, per_channel, 1.0)
        return QuantizedHead(layer, _logit_quantization(layer, *layer.bounds()))

    stored = embedding.quantize(_sample(calibration, len(biases)))
    wanted = softmax(embedding.dequantize(stored) @ weights + biases)
    layer = min(
        (_quantize_layer(weights, biases, embedding, per_channel, part) for part in _WEIGHT_PARTS),
        key=lambda layer: _divergence(wanted, layer.logits(stored)),
    )
    logits = layer.logits(stored)
    low, high = float(logits.min()), float(logits.max())

    def loss(ends: tuple[float, float]) -> float:
        return _divergence(wanted, _as_stored(_logit_quantization(layer, *ends), logits))

    low, _ = min(((high - part * (high - low), high) for part in _LOGIT_PARTS), key=loss)
    _, high = min(((low, low + part * (high - low)) for part in _LOGIT_PARTS), key=loss)
    return QuantizedHead(layer, _logit_quantization(layer, low, high))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Computes probabilities [N, C] of logits [N, C]."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def _quantize_layer(
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    embedding: Quantization,
    per_channel: bool,
    part: float,
) -> QuantizedLayer:
    """Quantizes a linear layer with ``part`` of the range of its weights."""
    largest_bias = np.abs(biases) if per_channel else np.abs(biases).max()
    smallest_sum = np.maximum(largest_bias / _MOST_BIAS, _SMALLEST_SUM_STEP)
    smallest = np.maximum(smallest_sum / embedding.scale, SMALLEST_SCALE)
    if embedding.dtype == np.int8:  # the runtimes take symmetric weights alone
        scales = np.abs(weights).max(axis=0 if per_channel else None) * part / 127
        zero_point = 0
    else:
        low, high = part * float(weights.min()), part * float(weights.max())
        range_ = Quantization.of_range(embedding.dtype, low, high, float(smallest))
        scales, zero_point = np.float32(range_.scale), range_.zero_point
    weight_scales = np.atleast_1d(np.clip(scales, smallest, LARGEST_SCALE)).astype(np.float32)
    return QuantizedLayer.of_scales(weights, biases, embedding, weight_scales, zero_point)


def _in_steps(
    real: ArrayLike, scale: ArrayLike, zero_point: int, lowest: int, highest: int
) -> NDArray[np.float64]:
    """Returns the nearest whole numbers of steps, in one array: heads can be large."""
    steps = np.asarray(np.divide(real, scale, dtype=np.float64))
    np.rint(steps, out=steps)
    steps += zero_point
    return np.clip(steps, lowest, highest, out=steps)


def _logit_quantization(layer: QuantizedLayer, low: float, high: float) -> Quantization:
    # XNNPACK refuses layers whose sums have steps 256 times those of their output.
    smallest = max(float(layer.bias_scales.max()) / 128, SMALLEST_LOGIT_STEP)
    return Quantization.of_range(layer.embedding.dtype, low, high, smallest)


def _as_stored(quantization: Quantization, real: NDArray[np.float64]) -> NDArray[np.float64]:
    return quantization.dequantize(quantization.quantize(real))


def _sample(rows: NDArray[np.float32], classes: int) -> NDArray[np.float32]:
    """Takes evenly strided rows, few enough for the search to take a fraction of a second."""
    numbers = len(rows) * (rows.shape[1] + 4 * classes)
    return rows[:: -(-numbers // _MOST_CALIBRATION_NUMBERS)]


def _divergence(wanted: NDArray[np.float64], logits: NDArray[np.float64]) -> float:
    """Mean Kullback-Leibler divergence of softmax(logits) from ``wanted``, without its constant."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sums - (wanted * shifted).sum(axis=1)).mean())


def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
