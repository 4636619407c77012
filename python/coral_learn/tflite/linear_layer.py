"""The last linear layer of a classifier: found from the outputs backwards, and read as numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .file import EDGETPU_CUSTOM_OP
from .model import (
    constant,
    main_subgraph,
    operator_name,
    tensor_name,
    tensor_quantization,
    tensor_shape,
    tensor_steps,
)
from .schema import ModelT, OperatorT

_LINEAR = ("FULLY_CONNECTED", "CONV_2D")
_ACTIVATIONS = ("SOFTMAX", "LOGISTIC")
_PASSED = ("RESHAPE", "SQUEEZE", "QUANTIZE", "DEQUANTIZE", "MUL", *_ACTIVATIONS)
_MOST_FOLLOWERS = 16
# The squares of numbers up to this one, and their sums, are far from the ends of 32-bit floats.
_LARGEST_NUMBER = 2.0**50


@dataclass(frozen=True)
class LinearLayer:
    """The linear layer that leads to an output.

    Attributes:
        operator: FULLY_CONNECTED or CONV_2D.
        followers: The operators from it to the output, in order.
    """

    operator: OperatorT
    followers: tuple[OperatorT, ...]

    @property
    def embedding(self) -> int:
        """Index of the tensor that the layer reads."""
        return int(self.operator.inputs[0])

    @property
    def logits(self) -> int:
        """Index of the tensor that the layer computes."""
        return int(self.operator.outputs[0])


def find_linear_layers(model: ModelT) -> list[LinearLayer]:
    """Finds the linear layers that lead to the outputs, each once.

    A layer with an activation of its own and neither SOFTMAX nor LOGISTIC behind it does not
    count: it belongs to an extractor.

    Raises:
        ModelError: The layers are hidden in the operator of a model compiled for the Edge TPU, or
            the model has several subgraphs.
    """
    graph = main_subgraph(model)
    producers = {int(index): operator for operator in graph.operators for index in operator.outputs}
    outputs = dict.fromkeys(graph.outputs.tolist())
    found = [_find_linear_layer(model, producers, index) for index in outputs]
    return list({layer.logits: layer for layer in found if layer}.values())


def read_linear_layer(
    model: ModelT, layer: LinearLayer
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Reads a linear layer, and what multiplies its logits, as real numbers.

    Returns:
        Weights [D, C] and biases [C] of the logits that the softmax exponentiates.

    Raises:
        ModelError: The head is no softmax regression, or its weights are no constants.
    """
    if _fused_activation(layer.operator):
        raise ModelError("the last linear layer has an activation: it is no softmax regression")
    features = tensor_shape(main_subgraph(model).tensors[layer.embedding])[-1:]
    weights = real_constant(model, int(layer.operator.inputs[1]))
    if weights.ndim < 2 or weights.shape != (len(weights), *(1,) * (weights.ndim - 2), *features):
        raise ModelError(
            f"the last linear layer has weights of the shape {list(weights.shape)} for an input of "
            f"{list(features)} features: it is no softmax regression"
        )
    if tensor_shape(main_subgraph(model).tensors[layer.logits])[-1:] != (len(weights),):
        raise ModelError(f"the last linear layer does not give {len(weights)} logits")
    scale = logit_scale(model, layer)
    with np.errstate(all="ignore"):
        biases = _read_biases(model, layer, len(weights)) * scale
        weights = weights.reshape(len(weights), -1)
        weights *= scale.reshape(-1, 1)
    weights = np.ascontiguousarray(weights.T)
    _check_numbers("the last linear layer", weights)
    _check_numbers("the last linear layer", biases)
    return weights, biases


def logit_scale(model: ModelT, layer: LinearLayer) -> NDArray[np.float32]:
    """Returns what the logits are multiplied with before they are exponentiated, [] or [C].

    Raises:
        ModelError: They are not simply multiplied.
    """
    scale = np.ones((), np.float32)
    index = layer.logits
    classes = tensor_shape(main_subgraph(model).tensors[index])[-1:]
    for operator in layer.followers:
        name = operator_name(model, operator)
        if name in _ACTIVATIONS:
            break
        if name == "MUL":
            factors = [other for other in operator.inputs.tolist() if other != index]
            if len(factors) != 1 or _fused_activation(operator):
                raise ModelError("the logits pass a MUL that is no plain factor")
            factor = np.squeeze(real_constant(model, factors[0]))
            if factor.shape not in ((), classes):
                raise ModelError(f"the logits pass a MUL by numbers of the shape {factor.shape}")
            with np.errstate(all="ignore"):
                scale = scale * factor
        index = int(operator.outputs[0])
    with np.errstate(all="ignore"):
        scale = np.asarray(scale * np.float32(softmax_beta(model, layer)), np.float32)
    _check_numbers("what multiplies the logits", scale)
    return scale


def softmax_beta(model: ModelT, layer: LinearLayer) -> float:
    """Returns what SOFTMAX itself multiplies the logits with; 1 in all common models."""
    for operator in layer.followers:
        if operator_name(model, operator) == "SOFTMAX":
            return float(getattr(operator.builtinOptions, "beta", 1))
    return 1.0


def last_quantized_logits(model: ModelT, layer: LinearLayer) -> int:
    """Returns the index of the logits as they are when the activation, if any, comes next."""
    index = layer.logits
    for operator in layer.followers:
        if operator_name(model, operator) not in ("RESHAPE", "SQUEEZE", "MUL"):
            break
        index = int(operator.outputs[0])
    return index


def real_constant(model: ModelT, index: int) -> NDArray[np.float32]:
    """Returns the real numbers of a constant: float32, quantized, or float16 widened by the model.

    Raises:
        ModelError: The tensor is no constant, or of a type that heads do not have.
    """
    graph = main_subgraph(model)
    if index < 0:
        raise ModelError("an operator lacks a constant")
    tensor = graph.tensors[index]
    for operator in graph.operators:
        if index in operator.outputs and operator_name(model, operator) == "DEQUANTIZE":
            if len(operator.inputs) != 1 or operator.inputs[0] < 0:
                raise ModelError("DEQUANTIZE has not one input")
            tensor = graph.tensors[operator.inputs[0]]
    stored = constant(model, tensor)
    if stored is None:
        raise ModelError(
            f"tensor {tensor_name(tensor)!r} is not a constant of a type that can be read"
        )
    if stored.dtype in (np.float32, np.float16):
        real = stored.astype(np.float32)
    else:
        scales, zero_points = tensor_steps(tensor)
        shape = [1] * stored.ndim
        if len(scales) > 1:
            shape[tensor.quantization.quantizedDimension] = len(scales)
        # A head is most of a small model: no copy of it in wider numbers than are needed.
        exact = np.float64 if stored.dtype == np.int32 else np.float32
        with np.errstate(over="ignore"):
            real = np.subtract(stored, zero_points.reshape(shape).astype(exact), dtype=exact)
            real *= scales.reshape(shape)
            real = real.astype(np.float32, copy=False)
    _check_numbers(f"tensor {tensor_name(tensor)!r}", real)
    return real


def _check_numbers(where: str, numbers: NDArray[np.float32]) -> None:
    # Written so that NaN does not pass.
    if not (numbers.min() >= -_LARGEST_NUMBER and numbers.max() <= _LARGEST_NUMBER):
        raise ModelError(f"{where} has numbers that are not finite, or too large to compute with")


def _read_biases(model: ModelT, layer: LinearLayer, classes: int) -> NDArray[np.float32]:
    if len(layer.operator.inputs) < 3 or layer.operator.inputs[2] < 0:
        return np.zeros(classes, np.float32)
    graph = main_subgraph(model)
    _, weights, biases = (graph.tensors[index] for index in layer.operator.inputs[:3])
    if tuple(tensor_shape(biases)) != (classes,):
        raise ModelError(f"{classes} classes have biases of the shape {tensor_shape(biases)}")
    embedding = tensor_quantization(graph.tensors[layer.embedding])
    stored = constant(model, biases)
    if embedding is None or stored is None or stored.dtype != np.int32:
        return real_constant(model, int(layer.operator.inputs[2]))
    # What the runtimes compute with, whatever scale the bias tensor names.
    with np.errstate(over="ignore"):
        scales = np.float32(embedding.scale) * tensor_steps(weights)[0]
        return np.asarray(stored * scales, np.float32)


def _find_linear_layer(
    model: ModelT, producers: dict[int, OperatorT], index: int
) -> LinearLayer | None:
    followers: list[OperatorT] = []
    while index in producers and len(followers) < _MOST_FOLLOWERS:
        operator = producers[index]
        name = operator_name(model, operator)
        if name == EDGETPU_CUSTOM_OP.decode():
            raise ModelError(
                "this model was compiled for the Edge TPU, which hides its last layer: take the "
                "model that it was compiled from, and compile the result with edgetpu_compiler"
            )
        if name in _LINEAR:
            return _as_head(model, operator, followers[::-1])
        if name not in _PASSED:
            break
        followers.append(operator)
        index = _input_to_follow(operator, name, producers)
    return None


def _as_head(model: ModelT, operator: OperatorT, followers: list[OperatorT]) -> LinearLayer | None:
    names = [operator_name(model, follower) for follower in followers]
    if _fused_activation(operator) and not any(name in _ACTIVATIONS for name in names):
        return None
    if len(operator.inputs) < 2 or min(operator.inputs[:2]) < 0:
        raise ModelError("the last linear layer lacks its input or its weights")
    return LinearLayer(operator, tuple(followers))


def _input_to_follow(operator: OperatorT, name: str, producers: dict[int, OperatorT]) -> int:
    """Returns the input that comes from the layers before; -1 if there is not just one."""
    if name != "MUL":
        return int(operator.inputs[0]) if len(operator.inputs) else -1
    computed = [index for index in operator.inputs.tolist() if index in producers]
    return computed[0] if len(computed) == 1 else -1


def _fused_activation(operator: OperatorT) -> int:
    return int(getattr(operator.builtinOptions, "fusedActivationFunction", 0))
