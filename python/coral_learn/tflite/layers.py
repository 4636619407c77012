"""Operators of a head: functions that each add one at the end of a model, with its output."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from .model import (
    add_operator,
    add_tensor,
    main_subgraph,
    tensor_dtype,
    tensor_quantization,
    tensor_shape,
    tensor_type_name,
)
from .quantization import Quantization, probability_quantization
from .schema import ModelT, load_schema


def add_result(
    model: ModelT,
    name: str,
    shape: Sequence[int],
    dtype: DTypeLike,
    quantization: Quantization | None,
) -> int:
    """Adds a tensor for an operator to compute and returns its index.

    Args:
        model: Changed in place.
        name: Of the tensor.
        shape: Its dimensions.
        dtype: float32, uint8 or int8.
        quantization: Of a uint8 or int8 tensor; None for float32.
    """
    if quantization is None:
        return add_tensor(model, name, shape, dtype)
    return add_tensor(
        model, name, shape, dtype, scale=quantization.scale, zero_point=quantization.zero_point
    )


def add_fully_connected(
    model: ModelT,
    name: str,
    source: int,
    weights: int,
    biases: int,
    quantization: Quantization | None,
) -> int:
    """Adds a FULLY_CONNECTED and returns the index of its output, [1, C].

    Args:
        model: Changed in place.
        name: Of the output.
        source: The tensor that the layer reads, of D elements.
        weights: A constant tensor [C, D] of the same type.
        biases: A constant tensor [C], int32 where the others are quantized.
        quantization: Of the output; None for float32.
    """
    schema = load_schema()
    tensors = main_subgraph(model).tensors
    dtype = tensor_dtype(tensors[source])
    output = add_result(model, name, [1, *tensor_shape(tensors[biases])], dtype, quantization)
    add_operator(
        model,
        schema.BuiltinOperator.FULLY_CONNECTED,
        [source, weights, biases],
        [output],
        options=schema.FullyConnectedOptionsT(),
        version=4 if dtype == np.int8 else 1,
    )
    return output


def add_reshape(model: ModelT, name: str, source: int, shape: Sequence[int]) -> int:
    """Adds a RESHAPE of tensor ``source`` and returns the index of its output."""
    schema = load_schema()
    tensor = main_subgraph(model).tensors[source]
    output = add_result(model, name, shape, tensor_dtype(tensor), tensor_quantization(tensor))
    options = schema.ReshapeOptionsT()
    options.newShape = np.array(shape, np.int32)
    inputs = [source, add_tensor(model, f"{name}/shape", [len(shape)], np.int32, values=shape)]
    add_operator(model, schema.BuiltinOperator.RESHAPE, inputs, [output], options=options)
    return output


def add_softmax(model: ModelT, name: str, logits: int) -> int:
    """Adds a SOFTMAX (beta 1) of tensor ``logits`` and returns the index of its output."""
    schema = load_schema()
    tensor = main_subgraph(model).tensors[logits]
    dtype = tensor_dtype(tensor)
    quantization = probability_quantization(dtype) if tensor_quantization(tensor) else None
    output = add_result(model, name, tensor_shape(tensor), dtype, quantization)
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    add_operator(
        model,
        schema.BuiltinOperator.SOFTMAX,
        [logits],
        [output],
        options=options,
        version=2 if dtype == np.int8 else 1,
    )
    return output


def add_quantize(model: ModelT, name: str, source: int, quantization: Quantization) -> int:
    """Adds a QUANTIZE of tensor ``source`` and returns the index of its output."""
    schema = load_schema()
    shape = tensor_shape(main_subgraph(model).tensors[source])
    output = add_result(model, name, shape, quantization.dtype, quantization)
    add_operator(
        model,
        schema.BuiltinOperator.QUANTIZE,
        [source],
        [output],
        options=schema.QuantizeOptionsT(),
    )
    return output


def add_dequantize(model: ModelT, name: str, source: int) -> int:
    """Adds a DEQUANTIZE of tensor ``source`` and returns the index of its output, float32."""
    schema = load_schema()
    tensor = main_subgraph(model).tensors[source]
    output = add_result(model, name, tensor_shape(tensor), np.float32, None)
    add_operator(
        model,
        schema.BuiltinOperator.DEQUANTIZE,
        [source],
        [output],
        options=schema.DequantizeOptionsT(),
        version=2 if tensor_dtype(tensor) == np.int8 else 1,
    )
    return output


def add_output_conversion(model: ModelT, name: str, probabilities: int) -> int:
    """Adds what gives quantized probabilities the type of the model's input; returns their index.

    Converters that quantize the inside of a model wrap it so: uint8 or float32 in and out.
    """
    graph = main_subgraph(model)
    inside = tensor_type_name(graph.tensors[probabilities])
    outside = {tensor_type_name(graph.tensors[index]) for index in graph.inputs}
    if inside == "float32" or outside == {inside}:
        return probabilities
    if outside == {"float32"}:
        return add_dequantize(model, name, probabilities)
    if outside in ({"uint8"}, {"int8"}):
        quantization = probability_quantization(np.dtype(outside.pop()))
        return add_quantize(model, name, probabilities, quantization)
    return probabilities
