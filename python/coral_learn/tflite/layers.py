"""The operators of a head: functions that each add one operator at the end of a graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import schema
from .graph import Graph
from .nodes import Tensor
from .quantization import Quantization, probability_quantization


def add_fully_connected(
    graph: Graph,
    name: str,
    source: Tensor,
    weights: Tensor,
    biases: Tensor,
    quantization: Quantization | None,
) -> Tensor:
    """Adds a FULLY_CONNECTED and returns its output, [1, C].

    Args:
        graph: The graph to change.
        name: The name of the output.
        source: The tensor that the layer reads, of D elements.
        weights: A constant [C, D] of the same type.
        biases: A constant [C]; int32 if the others are quantized.
        quantization: The quantization of the output; None for float32.
    """
    output = graph.add_result(name, [1, *biases.shape], source.dtype, quantization)
    graph.add_operator(
        schema.BuiltinOperator.FULLY_CONNECTED,
        [source, weights, biases],
        [output],
        options=schema.FullyConnectedOptionsT(),
        version=4 if source.dtype == np.int8 else 1,
    )
    return output


def add_reshape(graph: Graph, name: str, source: Tensor, shape: Sequence[int]) -> Tensor:
    """Adds a RESHAPE of ``source`` and returns its output."""
    output = graph.add_result(name, shape, source.dtype, source.quantization)
    options = schema.ReshapeOptionsT()
    options.newShape = np.array(shape, np.int32)
    new_shape = graph.add_tensor(f"{name}/shape", [len(shape)], np.int32, values=shape)
    graph.add_operator(
        schema.BuiltinOperator.RESHAPE, [source, new_shape], [output], options=options
    )
    return output


def add_softmax(graph: Graph, name: str, logits: Tensor) -> Tensor:
    """Adds a SOFTMAX (beta 1) of ``logits`` and returns its output."""
    quantization = probability_quantization(logits.dtype) if logits.quantization else None
    output = graph.add_result(name, logits.shape, logits.dtype, quantization)
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    graph.add_operator(
        schema.BuiltinOperator.SOFTMAX,
        [logits],
        [output],
        options=options,
        version=2 if logits.dtype == np.int8 else 1,
    )
    return output


def add_quantize(graph: Graph, name: str, source: Tensor, quantization: Quantization) -> Tensor:
    """Adds a QUANTIZE of ``source`` and returns its output."""
    output = graph.add_result(name, source.shape, quantization.dtype, quantization)
    graph.add_operator(
        schema.BuiltinOperator.QUANTIZE, [source], [output], options=schema.QuantizeOptionsT()
    )
    return output


def add_dequantize(graph: Graph, name: str, source: Tensor) -> Tensor:
    """Adds a DEQUANTIZE of ``source`` and returns its output, float32."""
    output = graph.add_result(name, source.shape, np.float32, None)
    graph.add_operator(
        schema.BuiltinOperator.DEQUANTIZE,
        [source],
        [output],
        options=schema.DequantizeOptionsT(),
        version=2 if source.dtype == np.int8 else 1,
    )
    return output


def add_output_conversion(graph: Graph, name: str, probabilities: Tensor) -> Tensor:
    """Converts quantized probabilities to the type of the model's input and returns the result.

    Converters that quantize the inside of a model wrap it in this way: uint8 or float32 in and out.
    """
    inside = probabilities.type_name
    outside = {tensor.type_name for tensor in graph.inputs}
    if inside == "float32" or outside == {inside}:
        return probabilities
    if outside == {"float32"}:
        return add_dequantize(graph, name, probabilities)
    if outside in ({"uint8"}, {"int8"}):
        quantization = probability_quantization(np.dtype(outside.pop()))
        return add_quantize(graph, name, probabilities, quantization)
    return probabilities
