"""What must hold in an unpacked model so that the rest of the surgery need not look twice."""

import functools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .quantization import SMALLEST_SCALE
from .schema import ModelT, OperatorT, SubGraphT, TensorT

_VERSION = 3
_MOST_ELEMENTS = 2**31 - 1
_MOST_DIMENSIONS = 32  # of NumPy 1.26; no operator takes more than eight
_MOST_INDICES = 100_000
_ELEMENT_SIZES = {"FLOAT32": 4, "FLOAT16": 2, "INT32": 4, "INT64": 8, "UINT8": 1, "INT8": 1}


def validate(model: ModelT, schema: Any) -> None:
    """Checks that every index of a tree points at something and every constant has its elements.

    Raises:
        ModelError: Something does not hold.
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
    sizes = {getattr(schema.TensorType, name): size for name, size in _ELEMENT_SIZES.items()}
    for graph in model.subgraphs:
        _check_present("tensor", graph.tensors)
        _check_present("operator", graph.operators)
        for tensor in graph.tensors:
            _check_tensor(model, tensor, sizes, schema)
        _check_counts(graph)
        for operator in graph.operators:
            _check_operator(model, graph, operator, schema)
        _check_indices("graph", [*graph.inputs, *graph.outputs], graph.tensors)
        _check_order(model, graph)
    _check_ends(model.subgraphs[0], schema)
    _check_signatures(model)


def _check_present(what: str, items: Iterable[Any]) -> None:
    if any(item is None for item in items):
        raise ModelError(f"a {what} is missing")


def _check_indices(where: str, indices: Iterable[int], items: list[Any]) -> None:
    for index in indices:
        if not 0 <= index < len(items):
            raise ModelError(f"{where}: index {index} is not one of {len(items)}")


def _check_tensor(model: ModelT, tensor: TensorT, sizes: dict[int, int], schema: Any) -> None:
    name = f"tensor {(tensor.name or b'').decode('utf-8', 'replace')!r}"
    _check_indices(name, [tensor.buffer], model.buffers)
    if len(tensor.shape) > _MOST_DIMENSIONS:
        raise ModelError(f"{name} has {len(tensor.shape)} dimensions")
    if any(size < 0 for size in tensor.shape):
        raise ModelError(f"{name} has the shape {tensor.shape.tolist()}")
    elements = math.prod(tensor.shape.tolist())
    if elements > _MOST_ELEMENTS:
        raise ModelError(f"{name} has {elements} elements")
    data = model.buffers[tensor.buffer].data
    is_constant = data is not None and len(data) and tensor.sparsity is None
    if is_constant and tensor.type in sizes and len(data) != elements * sizes[tensor.type]:
        raise ModelError(f"{name} of {elements} elements has a buffer of {len(data)} bytes")
    if tensor.quantization is not None:
        _check_quantization(name, tensor, schema)
        if not is_constant and _has_zero_scale(tensor, schema):
            raise ModelError(f"{name} is computed, and has a scale of 0")


def _check_counts(graph: SubGraphT) -> None:
    """Refuses lists so long that looking through them takes seconds."""
    lists = [graph.inputs, graph.outputs]
    for operator in graph.operators:
        lists += [operator.inputs, operator.outputs, operator.intermediates]
    indices = sum(map(len, lists))
    if indices > _MOST_INDICES:
        raise ModelError(f"its operators have {indices} inputs and outputs")


def _check_quantization(name: str, tensor: TensorT, schema: Any) -> None:
    quantization = tensor.quantization
    _check_union(name, quantization.detailsType, schema.QuantizationDetails)
    scales = 0 if quantization.scale is None else len(quantization.scale)
    zero_points = 0 if quantization.zeroPoint is None else len(quantization.zeroPoint)
    if zero_points not in (0, 1, scales):
        raise ModelError(f"{name} has {scales} scales and {zero_points} zero points")
    if scales and not _are_scales(quantization.scale):
        raise ModelError(f"{name} has a scale that is not a finite positive number")
    if zero_points and not _are_stored_values(quantization.zeroPoint, tensor, schema):
        raise ModelError(f"{name} has a zero point that its type cannot store")
    if scales > 1:
        axis = quantization.quantizedDimension
        if not 0 <= axis < len(tensor.shape) or tensor.shape[axis] != scales:
            raise ModelError(f"{name} has {scales} scales along dimension {axis}")


def _are_scales(scales: NDArray[np.float32]) -> bool:
    """Tells whether numbers can be scales; runtimes crash of some that are next to nothing."""
    usable = (scales >= SMALLEST_SCALE) & (scales < np.inf)
    return bool((usable | (scales == 0)).all())


def _has_zero_scale(tensor: TensorT, schema: Any) -> bool:
    """Tells whether an 8-bit tensor has a scale that a runtime would divide by."""
    scale = tensor.quantization.scale
    if scale is None or tensor.type not in (schema.TensorType.UINT8, schema.TensorType.INT8):
        return False
    return bool((scale == 0).any())


def _are_stored_values(numbers: NDArray[np.int64], tensor: TensorT, schema: Any) -> bool:
    lowest, highest = -(2**31), 2**31 - 1
    if tensor.type == schema.TensorType.UINT8:
        lowest, highest = 0, 255
    elif tensor.type == schema.TensorType.INT8:
        lowest, highest = -128, 127
    return bool(lowest <= numbers.min() and numbers.max() <= highest)


def _check_operator(model: ModelT, graph: SubGraphT, operator: OperatorT, schema: Any) -> None:
    _check_indices("operator code", [operator.opcodeIndex], model.operatorCodes)
    _check_what_runtimes_trust(model, operator, schema)
    used = [index for index in (*operator.inputs, *operator.intermediates) if index != -1]
    _check_indices("operator", [*used, *operator.outputs], graph.tensors)
    _check_union("operator", operator.builtinOptionsType, schema.BuiltinOptions)
    _check_union("operator", operator.builtinOptions2Type, schema.BuiltinOptions2)


def _check_what_runtimes_trust(model: ModelT, operator: OperatorT, schema: Any) -> None:
    """Checks what the runtimes read before they look whether it is there, and crash."""
    entry = model.operatorCodes[operator.opcodeIndex]
    code = max(entry.builtinCode, entry.deprecatedBuiltinCode)
    fewest, required = _needed_inputs(schema).get(code, (0, 2))
    if len(operator.inputs) < fewest or -1 in operator.inputs[:required]:
        raise ModelError("an operator lacks an input that it needs")
    is_split = code == schema.BuiltinOperator.SPLIT
    if is_split and operator.builtinOptionsType != schema.BuiltinOptions.SplitOptions:
        raise ModelError("an operator lacks the options that it needs")


@functools.cache
def _needed_inputs(schema: Any) -> dict[int, tuple[int, int]]:
    """Returns how many inputs, at least, an operator has, and how many cannot be left out."""
    counts = {
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
    return {getattr(schema.BuiltinOperator, name): count for name, count in counts.items()}


def _check_union(where: str, kind: int, kinds: Any) -> None:
    """Refuses what the schema does not know, because packing would silently lose it."""
    if kind not in _values(kinds):
        raise ModelError(f"{where}: options of kind {kind} are unknown; upgrade ai-edge-litert")


@functools.cache
def _values(enumeration: Any) -> frozenset[int]:
    return frozenset(value for value in vars(enumeration).values() if isinstance(value, int))


def _check_order(model: ModelT, graph: SubGraphT) -> None:
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


def _tensors_ready_at_start(model: ModelT, graph: SubGraphT) -> Iterator[int]:
    for index, tensor in enumerate(graph.tensors):
        data = model.buffers[tensor.buffer].data
        is_constant = data is not None and len(data)
        if is_constant or tensor.isVariable or 0 in tensor.shape:
            yield index


def _check_ends(graph: SubGraphT, schema: Any) -> None:
    """Refuses inputs and outputs that a runtime would crash of when it makes an array of them."""
    opaque = (schema.TensorType.RESOURCE, schema.TensorType.VARIANT)
    for index in (*graph.inputs, *graph.outputs):
        if graph.tensors[index].type in opaque:
            raise ModelError(f"tensor {index} goes in or out, and holds nothing that an array can")


def _check_signatures(model: ModelT) -> None:
    for signature in model.signatureDefs:
        _check_indices("signature", [signature.subgraphIndex], model.subgraphs)
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        _check_present("signature entry", [*signature.inputs, *signature.outputs])
        used = [entry.tensorIndex for entry in (*signature.inputs, *signature.outputs)]
        _check_indices("signature", used, tensors)
