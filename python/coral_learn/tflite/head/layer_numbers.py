"""The numbers of a classifier's last linear layer, as those of a softmax regression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...arrays import BiasVector, WeightColumns
from ...errors import ModelError
from ..constants import check_numbers, is_constant, real_constant
from ..graph import Graph
from ..linear_layer import AFFINE, POOLING, LinearLayer
from ..nodes import Operator
from ..origins import RESHAPING
from ..output_kind import OutputKind


class LogitChange(NamedTuple):
    """What happens to the logits of a linear layer before they are exponentiated.

    Attributes:
        scale: What they are multiplied by, float32 [] or [C].
        shift: What is added afterwards, float32 [] or [C].
    """

    scale: NDArray[np.float32]
    shift: NDArray[np.float32]


def read_linear_layer(graph: Graph, layer: LinearLayer) -> tuple[WeightColumns, BiasVector]:
    """Reads a linear layer, with what happens to its logits afterwards, as real numbers.

    Returns:
        Weights [D, C] and biases [C] of the logits that the softmax exponentiates. A layer of one
        logit z before a sigmoid has two classes, with the logits 0 and z.

    Raises:
        ModelError: The head is not a softmax regression, or its weights are not constants.
    """
    _check_kind(layer)
    features = layer.embedding.shape[-1:]
    weights = real_constant(graph, layer.weights)
    if weights.ndim < 2 or weights.shape != (len(weights), *(1,) * (weights.ndim - 2), *features):
        raise ModelError(
            f"the last linear layer has weights of the shape {list(weights.shape)} for an input of "
            f"{list(features)} features: it is not a softmax regression"
        )
    for tensor in (layer.logits, layer.activation_input):
        if tensor.shape[-1:] != (len(weights),):
            raise ModelError(
                f"the last linear layer has {len(weights)} rows of weights, but its logits have "
                f"the shape {list(tensor.shape)}"
            )
    change = logit_change(graph, layer)
    with np.errstate(all="ignore"):
        biases = _read_biases(graph, layer, len(weights)) * change.scale + change.shift
        weights = weights.reshape(len(weights), -1)
        weights *= change.scale.reshape(-1, 1)
    weights = np.ascontiguousarray(weights.T)
    check_numbers("the last linear layer", weights)
    check_numbers("the last linear layer", biases)
    return _with_negative_class(weights, biases) if is_binary(layer) else (weights, biases)


def is_binary(layer: LinearLayer) -> bool:
    """Tells whether the one logit of a layer stands for two classes."""
    return layer.kind.is_binary


def logit_change(graph: Graph, layer: LinearLayer, start: int = 0) -> LogitChange:
    """Returns what happens to the layer's logits before they are exponentiated.

    Args:
        graph: The graph of the classifier.
        layer: The layer.
        start: The number of operators after the layer that are left out.

    Raises:
        ModelError: The logits are changed in another way than by constants.
    """
    change = LogitChange(np.ones((), np.float32), np.zeros((), np.float32))
    with np.errstate(all="ignore"):  # the result is checked
        for operator in layer.downstream[start:]:
            if operator.name in AFFINE:
                change = _changed(graph, operator, change, layer.logits.shape[-1])
            elif operator.name not in (*RESHAPING, *POOLING):
                raise ModelError(
                    f"{operator.name} changes the logits of the last linear layer: "
                    "it is not a softmax regression"
                )
        change = LogitChange(*(np.asarray(part * layer.factor, np.float32) for part in change))
    check_numbers("the factor of the logits", change.scale)
    check_numbers("the shift of the logits", change.shift)
    return change


def _check_kind(layer: LinearLayer) -> None:
    """Refuses a layer that is no softmax regression."""
    if layer.kind is OutputKind.MULTI_LABEL:
        raise ModelError(
            f"the model is a multi-label classifier: it ends in {layer.logits.shape[-1]} sigmoids "
            "of their own, and not in a softmax"
        )
    if layer.operator.has_activation:
        raise ModelError(
            "the last linear layer has an activation of its own before the softmax: "
            "it is not a softmax regression"
        )
    if layer.is_joined:
        raise ModelError("the logits are the sum of several layers, or join them")
    if layer.activation is not None and layer.activation.obstacle is not None:
        raise ModelError(f"{layer.activation.obstacle}: it is not a softmax regression")
    if layer.is_pooled and not layer.is_pointwise:
        raise ModelError(
            "the last convolution reads several places of the image at once before its logits are "
            "averaged: it is not a softmax regression"
        )
    if layer.is_pooled and layer.clips_logits:
        raise ModelError(
            "the last convolution stores no negative logits before they are averaged, as after a "
            "ReLU: it is not a softmax regression"
        )


def _changed(graph: Graph, operator: Operator, before: LogitChange, classes: int) -> LogitChange:
    """Returns the change after one more operator with a constant."""
    scale, shift = before
    if operator.name == "NEG":
        return LogitChange(-scale, -shift)
    constant, comes_first = _constant_of(graph, operator, classes)
    match operator.name:
        case "MUL":
            return LogitChange(scale * constant, shift * constant)
        case "DIV" if not comes_first:
            return LogitChange(scale / constant, shift / constant)
        case "ADD":
            return LogitChange(scale, shift + constant)
        case "SUB" if comes_first:
            return LogitChange(-scale, constant - shift)
        case "SUB":
            return LogitChange(scale, shift - constant)
    raise ModelError("a constant is divided by the logits: it is not a softmax regression")


def _constant_of(
    graph: Graph, operator: Operator, classes: int
) -> tuple[NDArray[np.float32], bool]:
    """Returns the constant of an operator, [] or [C], and whether it is the first input."""
    found = [tensor for tensor in operator.inputs if is_constant(graph, tensor)]
    if len(found) != 1 or len(operator.inputs) != 2 or operator.has_activation:
        raise ModelError(f"the logits pass through a {operator.name} that is not a plain constant")
    constant = np.squeeze(real_constant(graph, found[0]))
    if constant.shape not in ((), (classes,)) or operator.outputs[0].shape[-1:] == (0,):
        raise ModelError(
            f"the logits pass through a {operator.name} by numbers of the shape {constant.shape}"
        )
    return constant, found[0] is operator.inputs[0]


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


def _with_negative_class(
    weights: WeightColumns, biases: BiasVector
) -> tuple[WeightColumns, BiasVector]:
    """Puts the class that the logit speaks against first, with a logit of 0."""
    return np.pad(weights, ((0, 0), (1, 0))), np.pad(biases, (1, 0))
