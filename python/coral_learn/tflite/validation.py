"""Checks of an unpacked model, so that code that works on it can trust every index and shape."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from . import schema

_VERSION = 3
_MAX_ELEMENTS = 2**31 - 1
_MAX_DIMENSIONS = 32  # the limit of NumPy 1.26; no operator takes more than eight
_MAX_INDICES = 100_000
_SMALLEST_NORMAL = float(np.finfo(np.float32).smallest_normal)
_ELEMENT_BYTES = {"FLOAT32": 4, "FLOAT16": 2, "INT32": 4, "INT64": 8, "UINT8": 1, "INT8": 1}

# The number of inputs that an operator must have, and how many of the first ones must be present.
# The runtimes read these without checking that they exist, and crash.
_REQUIRED_INPUTS = {
    "ASSIGN_VARIABLE": (2, 2),
    "BATCH_MATMUL": (2, 2),
    "SLICE": (3, 3),
    "SPLIT": (2, 2),
    "STRIDED_SLICE": (4, 4),
    "CUSTOM": (0, 1),
    "LSTM": (0, 1),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (0, 1),
    "BIDIRECTIONAL_SEQUENCE_LSTM": (0, 1),
}
_REQUIRED_INPUTS_OF_OTHERS = (0, 2)


def validate(model: schema.ModelT) -> None:
    """Checks that every index is valid and that every constant has all of its elements.

    Raises:
        ModelError: A check fails.
    """
    if model.version != _VERSION:
        raise ModelError(f"its schema version is {model.version}, not {_VERSION}")
    if not model.subgraphs:
        raise ModelError("it has no subgraph")
    if getattr(model, "externalBuffers", None):  # the schema of older releases has none
        raise ModelError("its weights are in another file; convert it to a single file")
    _check_present("buffer", model.buffers)
    _check_present("operator code", model.operatorCodes)
    _check_present("subgraph", model.subgraphs)
    _check_present("metadata entry", model.metadata)
    _check_present("signature", model.signatureDefs)
    _check_indices("metadata", [entry.buffer for entry in model.metadata], model.buffers)
    for graph in model.subgraphs:
        _check_subgraph(model, graph)
    _check_ends(model.subgraphs[0])
    _check_signatures(model)


def _check_subgraph(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    _check_present("tensor", graph.tensors)
    _check_present("operator", graph.operators)
    for tensor in graph.tensors:
        _check_tensor(model, tensor)
    _check_counts(graph)
    for operator in graph.operators:
        _check_operator(model, graph, operator)
    _check_indices("graph", [*graph.inputs, *graph.outputs], graph.tensors)
    _check_order(model, graph)


def _check_present(what: str, items: Iterable[object]) -> None:
    if any(item is None for item in items):
        raise ModelError(f"a {what} is missing")


def _check_indices(where: str, indices: Iterable[int], items: Sequence[object]) -> None:
    for index in indices:
        if not 0 <= index < len(items):
            raise ModelError(f"{where}: index {index} is not in [0, {len(items)})")


def _check_tensor(model: schema.ModelT, tensor: schema.TensorT) -> None:
    name = f"tensor {(tensor.name or b'').decode('utf-8', 'replace')!r}"
    _check_indices(name, [tensor.buffer], model.buffers)
    shape = tensor.shape.tolist()
    if len(shape) > _MAX_DIMENSIONS:
        raise ModelError(f"{name} has {len(shape)} dimensions")
    if min(shape, default=0) < 0:
        raise ModelError(f"{name} has the shape {shape}")
    elements = math.prod(shape)
    if elements > _MAX_ELEMENTS:
        raise ModelError(f"{name} has {elements} elements")
    data = model.buffers[tensor.buffer].data
    stored_bytes = 0 if data is None or tensor.sparsity is not None else len(data)
    element_bytes = _element_bytes().get(tensor.type)
    if stored_bytes and element_bytes and stored_bytes != elements * element_bytes:
        raise ModelError(f"{name} has {elements} elements and a buffer of {stored_bytes} bytes")
    if tensor.quantization is not None:
        _check_quantization(name, tensor, tensor.quantization)
        if not stored_bytes:
            _check_computed_scale(name, tensor, tensor.quantization)


def _check_counts(graph: schema.SubGraphT) -> None:
    """Rejects lists that would take seconds to process."""
    lists = [graph.inputs, graph.outputs]
    for operator in graph.operators:
        lists += [operator.inputs, operator.outputs, operator.intermediates]
    indices = sum(map(len, lists))
    if indices > _MAX_INDICES:
        raise ModelError(f"its operators have {indices} inputs and outputs")


def _check_quantization(
    name: str, tensor: schema.TensorT, quantization: schema.QuantizationParametersT
) -> None:
    _check_union(name, quantization.detailsType, schema.QuantizationDetails)
    scales, zero_points = quantization.scale, quantization.zeroPoint
    scale_count = 0 if scales is None else len(scales)
    zero_point_count = 0 if zero_points is None else len(zero_points)
    if zero_point_count not in (0, 1, scale_count):
        raise ModelError(f"{name} has {scale_count} scales and {zero_point_count} zero points")
    if scales is not None and scale_count and not _are_scales(scales):
        raise ModelError(f"{name} has a scale that is not a finite positive number")
    if zero_points is not None and zero_point_count and not _can_store(tensor, zero_points):
        raise ModelError(f"{name} has a zero point that its type cannot store")
    if scale_count > 1:
        axis = quantization.quantizedDimension
        if not 0 <= axis < len(tensor.shape) or tensor.shape[axis] != scale_count:
            raise ModelError(f"{name} has {scale_count} scales along dimension {axis}")


def _are_scales(scales: NDArray[np.float32]) -> bool:
    """Tells whether numbers can be scales.

    Converters give channels that are always 0 a scale of 0, or one as small as 1e-35.
    """
    return all(0 <= scale < math.inf for scale in scales.tolist())


def _check_computed_scale(
    name: str, tensor: schema.TensorT, quantization: schema.QuantizationParametersT
) -> None:
    """Rejects a computed 8-bit tensor with a scale that a runtime cannot divide by."""
    if tensor.type not in (schema.TensorType.UINT8, schema.TensorType.INT8):
        return
    smallest = 1.0 if quantization.scale is None else min(quantization.scale, default=1.0)
    if smallest < _SMALLEST_NORMAL:
        raise ModelError(
            f"{name} is computed and has a scale of {smallest:g}; runtimes divide by it, and need "
            f"at least {_SMALLEST_NORMAL:.3g}"
        )


def _can_store(tensor: schema.TensorT, numbers: NDArray[np.int64]) -> bool:
    low, high = -(2**31), 2**31 - 1
    if tensor.type == schema.TensorType.UINT8:
        low, high = 0, 255
    elif tensor.type == schema.TensorType.INT8:
        low, high = -128, 127
    return all(low <= number <= high for number in numbers.tolist())


def _check_operator(
    model: schema.ModelT, graph: schema.SubGraphT, operator: schema.OperatorT
) -> None:
    _check_indices("operator code", [operator.opcodeIndex], model.operatorCodes)
    _check_required(operator, model.operatorCodes[operator.opcodeIndex])
    used = [index for index in (*operator.inputs, *operator.intermediates) if index != -1]
    _check_indices("operator", [*used, *operator.outputs], graph.tensors)
    _check_union("operator", operator.builtinOptionsType, schema.BuiltinOptions)
    _check_union("operator", operator.builtinOptions2Type, schema.BuiltinOptions2)


def _check_required(operator: schema.OperatorT, entry: schema.OperatorCodeT) -> None:
    """Checks the inputs and options that the runtimes use without checking."""
    code = max(entry.builtinCode, entry.deprecatedBuiltinCode)
    min_inputs, present = _required_inputs().get(code, _REQUIRED_INPUTS_OF_OTHERS)
    if len(operator.inputs) < min_inputs or -1 in operator.inputs[:present]:
        raise ModelError("an operator lacks an input that it needs")
    is_split = code == schema.BuiltinOperator.SPLIT
    if is_split and operator.builtinOptionsType != schema.BuiltinOptions.SplitOptions:
        raise ModelError("an operator lacks the options that it needs")


@functools.cache
def _element_bytes() -> dict[int, int]:
    """Returns the size of an element by the number of its type."""
    return {getattr(schema.TensorType, name): size for name, size in _ELEMENT_BYTES.items()}


@functools.cache
def _required_inputs() -> dict[int, tuple[int, int]]:
    """Returns ``_REQUIRED_INPUTS`` by the number of the operator."""
    return {
        getattr(schema.BuiltinOperator, name): counts for name, counts in _REQUIRED_INPUTS.items()
    }


def _check_union(where: str, kind: int, kinds: type) -> None:
    """Rejects options that the schema does not know, because packing would lose them silently."""
    if kind not in _values(kinds):
        raise ModelError(f"{where}: options of kind {kind} are unknown; upgrade ai-edge-litert")


@functools.cache
def _values(enumeration: type) -> frozenset[int]:
    return frozenset(value for value in vars(enumeration).values() if isinstance(value, int))


def _check_order(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    ready = set(graph.inputs.tolist()) | set(_tensors_ready_at_start(model, graph))
    for operator in graph.operators:
        for index in operator.inputs.tolist():
            if index != -1 and index not in ready:
                raise ModelError(f"an operator reads tensor {index} before it is computed")
        for index in operator.outputs.tolist():
            if index in ready:
                raise ModelError(f"tensor {index} is computed twice")
            ready.add(index)
    for index in graph.outputs.tolist():
        if index not in ready:
            raise ModelError(f"nothing computes output tensor {index}")


def _tensors_ready_at_start(model: schema.ModelT, graph: schema.SubGraphT) -> Iterator[int]:
    for index, tensor in enumerate(graph.tensors):
        data = model.buffers[tensor.buffer].data
        is_constant = data is not None and len(data)
        if is_constant or tensor.isVariable or 0 in tensor.shape:
            yield index


def _check_ends(graph: schema.SubGraphT) -> None:
    """Rejects inputs and outputs that are not arrays; a runtime would crash on them."""
    opaque = (schema.TensorType.RESOURCE, schema.TensorType.VARIANT)
    for index in (*graph.inputs, *graph.outputs):
        if graph.tensors[index].type in opaque:
            raise ModelError(f"tensor {index} is an input or output that is not an array")


def _check_signatures(model: schema.ModelT) -> None:
    for signature in model.signatureDefs:
        _check_indices("signature", [signature.subgraphIndex], model.subgraphs)
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        _check_present("signature entry", [*signature.inputs, *signature.outputs])
        used = [entry.tensorIndex for entry in (*signature.inputs, *signature.outputs)]
        _check_indices("signature", used, tensors)
