"""The last linear layer of a classifier: finding it backwards from the outputs, and reading it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import BiasVector, WeightColumns
from ..errors import ModelError
from .graph import EDGETPU_CUSTOM_OP, Graph
from .nodes import Operator, Tensor

_LINEAR = ("FULLY_CONNECTED", "CONV_2D")
_ACTIVATIONS = ("SOFTMAX", "LOGISTIC")
_FOLLOWED = ("RESHAPE", "SQUEEZE", "QUANTIZE", "DEQUANTIZE", "MUL", *_ACTIVATIONS)
_MAX_DOWNSTREAM = 16
# The squares of numbers up to this, and their sums, are far from the limits of 32-bit floats.
_MAX_NUMBER = 2.0**50


@dataclass(frozen=True)
class LinearLayer:
    """A linear layer that leads to an output of the model.

    Attributes:
        operator: The FULLY_CONNECTED or CONV_2D operator.
        embedding: The tensor that it reads.
        weights: The tensor of its weights.
        downstream: The operators between it and the output, in order.
    """

    operator: Operator
    embedding: Tensor
    weights: Tensor
    downstream: tuple[Operator, ...]

    @property
    def logits(self) -> Tensor:
        """The tensor that it computes."""
        return self.operator.outputs[0]

    @property
    def has_softmax(self) -> bool:
        """Whether a SOFTMAX follows."""
        return any(operator.name == "SOFTMAX" for operator in self.downstream)

    @property
    def softmax_beta(self) -> float:
        """The factor inside SOFTMAX; 1 in all common models."""
        for operator in self.downstream:
            if operator.name == "SOFTMAX":
                return float(getattr(operator.table.builtinOptions, "beta", 1))
        return 1.0

    @property
    def activation_input(self) -> Tensor:
        """The logits after RESHAPE, SQUEEZE and MUL, as the activation (if any) reads them."""
        tensor = self.logits
        for operator in self.downstream:
            if operator.name not in ("RESHAPE", "SQUEEZE", "MUL"):
                break
            tensor = operator.outputs[0]
        return tensor


def find_linear_layers(graph: Graph) -> list[LinearLayer]:
    """Finds the linear layers that lead to the outputs, without duplicates.

    A layer with a fused activation and neither SOFTMAX nor LOGISTIC after it does not count: it is
    part of an extractor.

    Raises:
        ModelError: The layers are hidden in the operator of a model compiled for the Edge TPU.
    """
    producers = graph.producers
    found = [_find_linear_layer(producers, output) for output in dict.fromkeys(graph.outputs)]
    return list({layer.logits: layer for layer in found if layer}.values())


def read_linear_layer(graph: Graph, layer: LinearLayer) -> tuple[WeightColumns, BiasVector]:
    """Reads a linear layer, with the factors that its logits are multiplied by, as real numbers.

    Returns:
        Weights [D, C] and biases [C] of the logits that the softmax exponentiates.

    Raises:
        ModelError: The head is not a softmax regression, or its weights are not constants.
    """
    if layer.operator.has_activation:
        raise ModelError("the last linear layer has an activation: it is not a softmax regression")
    features = layer.embedding.shape[-1:]
    weights = real_constant(graph, layer.weights)
    if weights.ndim < 2 or weights.shape != (len(weights), *(1,) * (weights.ndim - 2), *features):
        raise ModelError(
            f"the last linear layer has weights of the shape {list(weights.shape)} for an input of "
            f"{list(features)} features: it is not a softmax regression"
        )
    if layer.logits.shape[-1:] != (len(weights),):
        raise ModelError(f"the last linear layer does not give {len(weights)} logits")
    scale = logit_scale(graph, layer)
    with np.errstate(all="ignore"):
        biases = _read_biases(graph, layer, len(weights)) * scale
        weights = weights.reshape(len(weights), -1)
        weights *= scale.reshape(-1, 1)
    weights = np.ascontiguousarray(weights.T)
    _check_numbers("the last linear layer", weights)
    _check_numbers("the last linear layer", biases)
    return weights, biases


def logit_scale(graph: Graph, layer: LinearLayer) -> NDArray[np.float32]:
    """Returns the factor between the layer's logits and what the softmax exponentiates, [] or [C].

    Raises:
        ModelError: The logits are changed in another way.
    """
    scale = np.ones((), np.float32)
    logits = layer.logits
    classes = logits.shape[-1:]
    with np.errstate(all="ignore"):  # the result is checked
        for operator in layer.downstream:
            if operator.name in _ACTIVATIONS:
                break
            if operator.name == "MUL":
                scale = scale * _read_factor(graph, operator, logits, classes)
            logits = operator.outputs[0]
        scale = np.asarray(scale * np.float32(layer.softmax_beta), np.float32)
    _check_numbers("the factor of the logits", scale)
    return scale


def real_constant(graph: Graph, tensor: Tensor | None) -> NDArray[np.float32]:
    """Returns the real numbers of a constant that is float32, quantized, or converted from float16.

    Raises:
        ModelError: The tensor is not a constant, or is of a type that heads do not have.
    """
    if tensor is None:
        raise ModelError("an operator lacks a constant")
    producer = graph.producers.get(tensor)
    if producer is not None and producer.name == "DEQUANTIZE":
        if len(producer.inputs) != 1 or producer.inputs[0] is None:
            raise ModelError("a DEQUANTIZE does not have one input")
        tensor = producer.inputs[0]
    stored = graph.constant(tensor)
    if stored is None:
        raise ModelError(f"tensor {tensor.name!r} is not a constant of a type that can be read")
    if stored.dtype in (np.float32, np.float16):
        real = stored.astype(np.float32)
    else:
        real = _dequantize(tensor, stored)
    _check_numbers(f"tensor {tensor.name!r}", real)
    return real


def _dequantize(tensor: Tensor, stored: NDArray[np.integer]) -> NDArray[np.float32]:
    scales, zero_points = tensor.scales
    shape = [1] * stored.ndim
    if len(scales) > 1 and tensor.table.quantization is not None:
        shape[tensor.table.quantization.quantizedDimension] = len(scales)
    # A head is most of a small model, so it is not copied in a wider type than it needs.
    exact = np.float64 if stored.dtype == np.int32 else np.float32
    with np.errstate(over="ignore"):
        real = np.subtract(stored, zero_points.reshape(shape).astype(exact), dtype=exact)
        real *= scales.reshape(shape)
        return np.asarray(real.astype(np.float32, copy=False))


def _check_numbers(where: str, numbers: NDArray[np.float32]) -> None:
    # Written so that NaN does not pass.
    if not (numbers.min() >= -_MAX_NUMBER and numbers.max() <= _MAX_NUMBER):
        raise ModelError(f"{where} has numbers that are not finite, or too large to compute with")


def _read_factor(
    graph: Graph, operator: Operator, logits: Tensor, classes: tuple[int, ...]
) -> NDArray[np.float32]:
    """Returns the constant that a MUL multiplies the logits by."""
    factors = [tensor for tensor in operator.inputs if tensor is not logits]
    if len(factors) != 1 or operator.has_activation:
        raise ModelError("the logits pass through a MUL that is not a plain factor")
    factor = np.squeeze(real_constant(graph, factors[0]))
    if factor.shape not in ((), classes):
        raise ModelError(f"the logits pass through a MUL by numbers of the shape {factor.shape}")
    return factor


def _read_biases(graph: Graph, layer: LinearLayer, classes: int) -> BiasVector:
    biases = layer.operator.inputs[2] if len(layer.operator.inputs) > 2 else None
    if biases is None:
        return np.zeros(classes, np.float32)
    if biases.shape != (classes,):
        raise ModelError(f"{classes} classes have biases of the shape {biases.shape}")
    embedding = layer.embedding.quantization
    stored = graph.constant(biases)
    if embedding is None or stored is None or stored.dtype != np.int32:
        return real_constant(graph, biases)
    # The scale that the runtimes compute with, whatever scale the bias tensor has.
    with np.errstate(over="ignore"):
        scales = np.float32(embedding.scale) * layer.weights.scales.scales
        return np.asarray(stored * scales, np.float32)


def _find_linear_layer(producers: dict[Tensor, Operator], output: Tensor) -> LinearLayer | None:
    """Follows an output backwards to the linear layer that it comes from."""
    downstream: list[Operator] = []
    tensor: Tensor | None = output
    while tensor in producers and len(downstream) < _MAX_DOWNSTREAM:
        operator = producers[tensor]
        if operator.name == EDGETPU_CUSTOM_OP:
            raise ModelError(
                "the model was compiled for the Edge TPU, which hides its last layer: use the "
                "model that it was compiled from, and compile the result with edgetpu_compiler"
            )
        if operator.name in _LINEAR:
            return _as_linear_layer(operator, downstream[::-1])
        if operator.name not in _FOLLOWED:
            break
        downstream.append(operator)
        tensor = _input_to_follow(operator, producers)
    return None


def _as_linear_layer(operator: Operator, downstream: list[Operator]) -> LinearLayer | None:
    has_own_activation = any(each.name in _ACTIVATIONS for each in downstream)
    if operator.has_activation and not has_own_activation:
        return None
    embedding, weights = [*operator.inputs[:2], None, None][:2]
    if embedding is None or weights is None:
        raise ModelError("the last linear layer lacks its input or its weights")
    return LinearLayer(operator, embedding, weights, tuple(downstream))


def _input_to_follow(operator: Operator, producers: dict[Tensor, Operator]) -> Tensor | None:
    """Returns the input that earlier layers compute; None if there is not exactly one."""
    if operator.name != "MUL":
        return operator.inputs[0] if operator.inputs else None
    computed = [tensor for tensor in operator.inputs if tensor in producers]
    return computed[0] if len(computed) == 1 else None
