"""The shape of each operator's output, from the shapes and the known numbers of its inputs.

A rule takes arrays and returns arrays. A tensor whose numbers are not known is an array of the
right shape that takes no memory (:func:`unknown`); numbers that are known are int64. One rule thus
serves shapes and the integer arithmetic with which converters compute the target of a RESHAPE.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from . import schema
from .nodes import Operator

Array: TypeAlias = NDArray[Any]
Rule: TypeAlias = Callable[..., Array | list[Array]]
"""Called with the operator and an array for each input that is not left out."""


def unknown(shape: Iterable[int]) -> Array:
    """Returns an array of a shape whose numbers do not matter; it takes no memory."""
    return np.broadcast_to(np.int8(0), tuple(shape))


def is_known(array: Array) -> bool:
    """Tells whether the numbers of an array matter."""
    return array.dtype == np.int64


def rule_of(operator: Operator) -> Rule:
    """Returns the rule of an operator.

    Raises:
        ModelError: There is none.
    """
    if operator.name in _SAME_SHAPE:
        return _same
    if operator.name in _ELEMENTWISE:
        return _elementwise
    rule = _RULES.get(operator.name)
    if rule is None:
        raise ModelError(f"the shape that {operator.name} gives is not known")
    return rule


def _option(operator: Operator, name: str, default: int = 0) -> int:
    return int(getattr(operator.table.builtinOptions, name, default))


def _same(operator: Operator, source: Array, *others: Array) -> Array:
    return source


def _elementwise(operator: Operator, *sources: Array) -> Array:
    function = _ARITHMETIC.get(operator.name)
    if function is not None and all(map(is_known, sources)):
        return np.asarray(function(*sources))
    return unknown(np.broadcast_shapes(*(source.shape for source in sources)))


def _window(operator: Operator, size: int, kernel: int, axis: str) -> int:
    """Returns the number of positions of a kernel along an axis, "H" or "W"."""
    stride = _option(operator, f"stride{axis}", 1)
    kernel = (kernel - 1) * _option(operator, f"dilation{axis}Factor", 1) + 1
    if _option(operator, "padding") == schema.Padding.VALID:
        size -= kernel - 1
    if size < 1:
        raise ModelError(f"the image is too small for {operator.name}")
    return math.ceil(size / stride)


def _convolution(operator: Operator, source: Array, weights: Array, *biases: Array) -> Array:
    batch, height, width, _ = source.shape
    channels = weights.shape[3 if operator.name == "DEPTHWISE_CONV_2D" else 0]
    height = _window(operator, height, weights.shape[1], "H")
    width = _window(operator, width, weights.shape[2], "W")
    return unknown((batch, height, width, channels))


def _pool(operator: Operator, source: Array) -> Array:
    batch, height, width, channels = source.shape
    height = _window(operator, height, _option(operator, "filterHeight"), "H")
    width = _window(operator, width, _option(operator, "filterWidth"), "W")
    return unknown((batch, height, width, channels))


def _fully_connected(operator: Operator, source: Array, weights: Array, *biases: Array) -> Array:
    outputs, features = weights.shape
    if _option(operator, "keepNumDims"):
        if source.shape[-1] != features:
            raise ModelError(f"FULLY_CONNECTED reads {source.shape[-1]} features, not {features}")
        return unknown((*source.shape[:-1], outputs))
    if source.size % features:
        raise ModelError(f"FULLY_CONNECTED reads {source.size} features, not {features}")
    return unknown((source.size // features, outputs))


def _batch_matrix_product(operator: Operator, left: Array, right: Array) -> Array:
    rows = left.shape[-1 if _option(operator, "adjX") else -2]
    columns = right.shape[-2 if _option(operator, "adjY") else -1]
    return unknown((*np.broadcast_shapes(left.shape[:-2], right.shape[:-2]), rows, columns))


def _reduce(operator: Operator, source: Array, axes: Array) -> Array:
    chosen = tuple(int(axis) for axis in np.ravel(axes))
    keep = bool(_option(operator, "keepDims"))
    if operator.name == "REDUCE_PROD":
        return np.asarray(np.prod(source, axis=chosen, keepdims=keep, dtype=np.int64))
    kept = [
        1 if axis in chosen or axis - source.ndim in chosen else size
        for axis, size in enumerate(source.shape)
        if keep or not (axis in chosen or axis - source.ndim in chosen)
    ]
    return unknown(kept)


def _reshape(operator: Operator, source: Array, target: Array | None = None) -> Array:
    if target is None:
        target = np.asarray(getattr(operator.table.builtinOptions, "newShape", None))
    shape = tuple(int(size) for size in np.ravel(target))
    try:
        return source.reshape(shape)
    except ValueError:
        raise ModelError(
            f"RESHAPE makes {list(shape)} of {list(source.shape)}, which has another number of "
            "elements"
        ) from None


def _squeeze(operator: Operator, source: Array) -> Array:
    axes = getattr(operator.table.builtinOptions, "squeezeDims", None)
    if axes is None or not len(axes):
        return np.squeeze(source)
    return np.squeeze(source, tuple(int(axis) for axis in axes))


def _expand(operator: Operator, source: Array, axis: Array) -> Array:
    return np.expand_dims(source, int(np.ravel(axis)[0]))


def _transpose(operator: Operator, source: Array, order: Array) -> Array:
    return np.transpose(source, [int(axis) for axis in order])


def _concatenate(operator: Operator, *sources: Array) -> Array:
    return np.concatenate(sources, axis=_option(operator, "axis"))


def _pack(operator: Operator, *sources: Array) -> Array:
    return np.stack(sources, axis=_option(operator, "axis"))


def _unpack(operator: Operator, source: Array) -> list[Array]:
    return list(np.moveaxis(source, _option(operator, "axis"), 0))


def _pad(operator: Operator, source: Array, padding: Array, *value: Array) -> Array:
    return unknown(
        size + int(before) + int(after)
        for size, (before, after) in zip(source.shape, padding, strict=True)
    )


def _shape(operator: Operator, source: Array) -> Array:
    return np.array(source.shape, np.int64)


def _slice(operator: Operator, source: Array, begin: Array, size: Array) -> Array:
    parts = []
    for length, start, count in zip(source.shape, begin.tolist(), size.tolist(), strict=True):
        end = length if count == -1 else start + count
        if end > length:
            raise ModelError(f"SLICE reads up to {end} of {length}")
        parts.append(slice(start, end))
    return source[tuple(parts)]


def _strided_slice(
    operator: Operator, source: Array, begin: Array, end: Array, strides: Array
) -> Array:
    masks = {
        name: _option(operator, f"{name}Mask")
        for name in ("begin", "end", "ellipsis", "newAxis", "shrinkAxis")
    }
    if _option(operator, "offset"):
        raise ModelError("STRIDED_SLICE has ends that count from its starts")
    parts: list[Any] = []
    for axis, (start, stop, step) in enumerate(
        zip(begin.tolist(), end.tolist(), strides.tolist(), strict=True)
    ):
        bit = 1 << axis
        if masks["ellipsis"] & bit:
            parts.append(...)
        elif masks["newAxis"] & bit:
            parts.append(None)
        elif masks["shrinkAxis"] & bit:
            parts.append(start)
        else:
            first = None if masks["begin"] & bit else start
            parts.append(slice(first, None if masks["end"] & bit else stop, step))
    return np.asarray(source[tuple(parts)])


def _split(operator: Operator, axis: Array, source: Array) -> list[Array]:
    return np.split(source, _option(operator, "numSplits"), int(np.ravel(axis)[0]))


def _split_by_sizes(operator: Operator, source: Array, sizes: Array, axis: Array) -> list[Array]:
    return np.split(source, np.cumsum(sizes)[:-1].tolist(), int(np.ravel(axis)[0]))


def _gather(operator: Operator, source: Array, indices: Array) -> Array:
    if _option(operator, "batchDims"):
        raise ModelError("GATHER has batch dimensions")
    return np.take(source, indices, axis=_option(operator, "axis"))


def _resize(operator: Operator, source: Array, size: Array) -> Array:
    height, width = size.tolist()
    return unknown((source.shape[0], height, width, source.shape[3]))


def _space_to_depth(operator: Operator, source: Array) -> Array:
    batch, height, width, channels = source.shape
    block = _option(operator, "blockSize")
    return unknown((batch, height // block, width // block, channels * block * block))


def _depth_to_space(operator: Operator, source: Array) -> Array:
    batch, height, width, channels = source.shape
    block = _option(operator, "blockSize")
    return unknown((batch, height * block, width * block, channels // (block * block)))


def _space_to_batch(operator: Operator, source: Array, block: Array, padding: Array) -> Array:
    batch, height, width, channels = source.shape
    sides = [
        (size + int(before) + int(after)) // int(step)
        for size, (before, after), step in zip((height, width), padding, block, strict=True)
    ]
    return unknown((batch * math.prod(block.tolist()), *sides, channels))


def _batch_to_space(operator: Operator, source: Array, block: Array, crops: Array) -> Array:
    batch, height, width, channels = source.shape
    sides = [
        size * int(step) - int(before) - int(after)
        for size, (before, after), step in zip((height, width), crops, block, strict=True)
    ]
    return unknown((batch // math.prod(block.tolist()), *sides, channels))


_SAME_SHAPE = {
    *("RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "ELU", "GELU", "TANH", "LOGISTIC"),
    *("HARD_SWISH", "SOFTMAX", "LOG_SOFTMAX", "QUANTIZE", "DEQUANTIZE", "CAST", "ABS", "NEG"),
    *("EXP", "LOG", "SQRT", "RSQRT", "SQUARE", "SIN", "COS", "FLOOR", "CEIL", "ROUND", "SIGN"),
    *("L2_NORMALIZATION", "LOCAL_RESPONSE_NORMALIZATION", "CUMSUM", "ZEROS_LIKE", "REVERSE_V2"),
    "LOGICAL_NOT",
}
_ELEMENTWISE = {
    *("ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", "POW", "SQUARED_DIFFERENCE", "FLOOR_DIV"),
    *("FLOOR_MOD", "PRELU", "EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS"),
    *("LESS_EQUAL", "LOGICAL_AND", "LOGICAL_OR", "SELECT_V2", "ADD_N"),
}
_ARITHMETIC: dict[str, Callable[..., Array]] = {
    "ADD": np.add,
    "SUB": np.subtract,
    "MUL": np.multiply,
    "FLOOR_DIV": np.floor_divide,
    "MINIMUM": np.minimum,
    "MAXIMUM": np.maximum,
}
_RULES: dict[str, Rule] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "L2_POOL_2D": _pool,
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _batch_matrix_product,
    "MEAN": _reduce,
    "SUM": _reduce,
    "REDUCE_MAX": _reduce,
    "REDUCE_MIN": _reduce,
    "REDUCE_PROD": _reduce,
    "RESHAPE": _reshape,
    "SQUEEZE": _squeeze,
    "EXPAND_DIMS": _expand,
    "TRANSPOSE": _transpose,
    "CONCATENATION": _concatenate,
    "PACK": _pack,
    "UNPACK": _unpack,
    "PAD": _pad,
    "PADV2": _pad,
    "MIRROR_PAD": _pad,
    "SHAPE": _shape,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "SPLIT": _split,
    "SPLIT_V": _split_by_sizes,
    "GATHER": _gather,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "SPACE_TO_DEPTH": _space_to_depth,
    "DEPTH_TO_SPACE": _depth_to_space,
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "BATCH_TO_SPACE_ND": _batch_to_space,
}
