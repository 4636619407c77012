"""The quantization of a softmax head: stored weights, ranges, and the results that they give."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...arrays import BiasVector, EmbeddingMatrix, WeightColumns
from ..quantization import (
    MAX_SCALE,
    MIN_SCALE,
    Quantization,
    probability_quantization,
    round_to_scale,
    stored_range,
)

# A 32-bit sum then has room for the products of 16,000 features beside the largest bias.
_MAX_STORED_BIAS = 2**30
# Finer logits change no probability, and some runtimes abort the process if the logits of a
# softmax have a scale of 2**-26 or less.
MIN_LOGIT_SCALE = 2.0**-20
_MIN_BIAS_SCALE = 2.0**-40

# The fractions of the full range that are tried. A narrower range clips the few values at its ends
# and stores all others with a finer scale.
_WEIGHT_FRACTIONS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
_LOGIT_FRACTIONS = tuple(np.linspace(1.0, 0.4, 13))
_MAX_CALIBRATION_VALUES = 2**20


class QuantizedLayer(NamedTuple):
    """The linear layer of a softmax head.

    Attributes:
        embedding: The quantization of the tensor that the layer reads.
        weights: The stored weights, [D, C] of ``embedding.dtype``.
        weight_scales: The scale of all weights, float32 [1], or of each class, [C].
        weight_zero_point: The zero point of all weights.
        biases: The stored biases, int32 [C] in units of ``bias_scales``.
    """

    embedding: Quantization
    weights: NDArray[Any]
    weight_scales: NDArray[np.float32]
    weight_zero_point: int
    biases: NDArray[np.int32]

    @classmethod
    def of_scales(
        cls,
        weights: WeightColumns,
        biases: BiasVector,
        embedding: Quantization,
        weight_scales: NDArray[np.float32],
        weight_zero_point: int,
    ) -> "QuantizedLayer":
        """Stores real weights [D, C] and biases [C] with the given scales."""
        lowest, highest = stored_range(embedding.dtype)
        if embedding.dtype == np.int8:  # the runtimes reject -128 in weights
            lowest = -highest
        stored = round_to_scale(weights, weight_scales, weight_zero_point, lowest, highest)
        return cls(
            embedding,
            stored.astype(embedding.dtype),
            weight_scales,
            weight_zero_point,
            _stored_biases(biases, embedding.scale, weight_scales),
        )

    @property
    def bias_scales(self) -> NDArray[np.float32]:
        """The scales of the biases and of the layer's integer sums, float32 [1] or [C]."""
        return np.float32(self.embedding.scale) * self.weight_scales

    def sums(self, embeddings: ArrayLike) -> NDArray[np.float64]:
        """Computes the layer's integer sums [N, C] for stored embeddings [N, D]."""
        centred = np.asarray(embeddings, np.float64) - self.embedding.zero_point
        weights = np.subtract(self.weights, self.weight_zero_point, dtype=np.float64)
        return np.asarray(centred @ weights + self.biases)

    def logits(self, embeddings: ArrayLike) -> NDArray[np.float64]:
        """Computes the real logits [N, C] for stored embeddings [N, D]."""
        return self.sums(embeddings) * self.bias_scales

    def bounds(self) -> tuple[float, float]:
        """Returns the smallest and the largest logit that any embedding can lead to."""
        lowest, highest = (
            end - self.embedding.zero_point for end in stored_range(self.embedding.dtype)
        )
        weights = np.subtract(self.weights, self.weight_zero_point, dtype=np.int16)
        raising = np.maximum(weights, 0).sum(axis=0, dtype=np.int64)
        lowering = np.minimum(weights, 0).sum(axis=0, dtype=np.int64)
        low = raising * lowest + lowering * highest + self.biases
        high = raising * highest + lowering * lowest + self.biases
        return float((low * self.bias_scales).min()), float((high * self.bias_scales).max())


class QuantizedHead(NamedTuple):
    """A softmax head of a quantized model.

    Attributes:
        layer: The linear layer.
        logits: The quantization of the tensor between the linear layer and the softmax.
    """

    layer: QuantizedLayer
    logits: Quantization

    def compute(self, embeddings: ArrayLike) -> NDArray[Any]:
        """Computes the probabilities with the roundings of a runtime, and exactly in between.

        Runtimes round in different ways, so a logit may differ by one stored value.

        Args:
            embeddings: Stored embeddings, [N, D] of ``layer.embedding.dtype``.

        Returns:
            Stored probabilities [N, C]; see :func:`probability_quantization`.
        """
        probabilities = softmax(_as_stored(self.logits, self.layer.logits(embeddings)))
        return probability_quantization(self.logits.dtype).quantize(probabilities)


def quantize_head(
    weights: WeightColumns,
    biases: BiasVector,
    embedding: Quantization,
    calibration: EmbeddingMatrix | None = None,
    *,
    per_channel: bool = False,
) -> QuantizedHead:
    """Quantizes a head with as small a loss as possible on the calibration embeddings.

    The loss is the mean Kullback-Leibler divergence of the stored head's probabilities from the
    float head's. The range of the weights is chosen first; then, with the weights as stored, the
    two ends of the range of the logits. Without calibration the weights keep their full range, and
    the logits get the widest range that any embedding can lead to.

    Args:
        weights: The float weights, [D, C].
        biases: The float biases, [C].
        embedding: The quantization of the tensor that the head reads.
        calibration: Real embeddings [N, D], or None.
        per_channel: Whether the weights of each class have a scale of their own; int8 only.
    """
    if calibration is None or not len(calibration):
        layer = _quantize_layer(weights, biases, embedding, per_channel, 1.0)
        return QuantizedHead(layer, _logit_quantization(layer, *layer.bounds()))

    stored = embedding.quantize(_sample(calibration, len(biases)))
    expected = softmax(embedding.dequantize(stored) @ weights + biases)
    layer = min(
        (
            _quantize_layer(weights, biases, embedding, per_channel, fraction)
            for fraction in _WEIGHT_FRACTIONS
        ),
        key=lambda layer: _divergence(expected, layer.logits(stored)),
    )
    logits = layer.logits(stored)
    low, high = float(logits.min()), float(logits.max())

    def loss(ends: tuple[float, float]) -> float:
        return _divergence(expected, _as_stored(_logit_quantization(layer, *ends), logits))

    low, _ = min(
        ((high - fraction * (high - low), high) for fraction in _LOGIT_FRACTIONS), key=loss
    )
    _, high = min(((low, low + fraction * (high - low)) for fraction in _LOGIT_FRACTIONS), key=loss)
    return QuantizedHead(layer, _logit_quantization(layer, low, high))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Computes the probabilities [N, C] of logits [N, C]."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def _stored_biases(
    biases: BiasVector, embedding_scale: float, weight_scales: NDArray[np.float32]
) -> NDArray[np.int32]:
    scales = np.asarray(np.float32(embedding_scale) * weight_scales, np.float64)
    # The scales of channels that are always 0 are so small that their product may not fit 32 bits.
    is_tiny = scales < np.finfo(np.float32).smallest_normal
    scales[is_tiny] = (embedding_scale * weight_scales.astype(np.float64))[is_tiny]
    stored = round_to_scale(biases, scales, 0, -_MAX_STORED_BIAS, _MAX_STORED_BIAS)
    return stored.astype(np.int32)


def _quantize_layer(
    weights: WeightColumns,
    biases: BiasVector,
    embedding: Quantization,
    per_channel: bool,
    fraction: float,
) -> QuantizedLayer:
    """Quantizes a linear layer, with the range of its weights narrowed to a fraction."""
    largest_bias = np.abs(biases) if per_channel else np.abs(biases).max()
    min_bias_scale = np.maximum(largest_bias / _MAX_STORED_BIAS, _MIN_BIAS_SCALE)
    min_scale = np.maximum(min_bias_scale / embedding.scale, MIN_SCALE)
    if embedding.dtype == np.int8:  # the runtimes accept only symmetric weights
        scales = np.abs(weights).max(axis=0 if per_channel else None) * fraction / 127
        zero_point = 0
    else:
        low, high = fraction * float(weights.min()), fraction * float(weights.max())
        range_ = Quantization.of_range(embedding.dtype, low, high, float(min_scale))
        scales, zero_point = np.float32(range_.scale), range_.zero_point
    weight_scales = np.atleast_1d(np.clip(scales, min_scale, MAX_SCALE)).astype(np.float32)
    return QuantizedLayer.of_scales(weights, biases, embedding, weight_scales, zero_point)


def _logit_quantization(layer: QuantizedLayer, low: float, high: float) -> Quantization:
    # XNNPACK rejects layers whose integer sums have 256 times the scale of their output.
    min_scale = max(float(layer.bias_scales.max()) / 128, MIN_LOGIT_SCALE)
    return Quantization.of_range(layer.embedding.dtype, low, high, min_scale)


def _as_stored(quantization: Quantization, real: NDArray[np.float64]) -> NDArray[np.float64]:
    return quantization.dequantize(quantization.quantize(real))


def _sample(rows: EmbeddingMatrix, classes: int) -> EmbeddingMatrix:
    """Returns evenly spaced rows, few enough that the search takes a fraction of a second."""
    values = len(rows) * (rows.shape[1] + 4 * classes)
    return rows[:: -(-values // _MAX_CALIBRATION_VALUES)]


def _divergence(expected: NDArray[np.float64], logits: NDArray[np.float64]) -> float:
    """Returns the mean Kullback-Leibler divergence of softmax(logits), up to a constant."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sums - (expected * shifted).sum(axis=1)).mean())
