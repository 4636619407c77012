"""The shape of each operator's output, from the shapes and the known numbers of its inputs.

A rule takes arrays and returns arrays. A tensor whose numbers are not known is an array of the
right shape that takes no memory (:func:`~.layer_shapes.unknown`); numbers that are known are int64.
One rule thus serves shapes and the integer arithmetic with which converters compute the target of a
RESHAPE.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..errors import ModelError
from . import layer_shapes as layers
from .layer_shapes import Array, option, unknown
from .nodes import Operator

Rule: TypeAlias = Callable[..., Array | list[Array]]
"""Called with the operator and an array for each input that is not left out."""


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


def _same(operator: Operator, source: Array, *others: Array) -> Array:
    return source


def _elementwise(operator: Operator, *sources: Array) -> Array:
    function = _ARITHMETIC.get(operator.name)
    if function is not None and all(map(is_known, sources)):
        return np.asarray(function(*sources))
    return unknown(np.broadcast_shapes(*(source.shape for source in sources)))


def _reduce(operator: Operator, source: Array, axes: Array) -> Array:
    chosen = tuple(int(axis) for axis in np.ravel(axes))
    keep = bool(option(operator, "keepDims"))
    if operator.name == "REDUCE_PROD" and is_known(source):
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
    axis = option(operator, "axis")
    if all(map(is_known, sources)):
        return np.concatenate(sources, axis=axis)
    shape = list(sources[0].shape)
    shape[axis] = sum(source.shape[axis] for source in sources)
    return unknown(shape)


def _pack(operator: Operator, *sources: Array) -> Array:
    axis = option(operator, "axis")
    if all(map(is_known, sources)):
        return np.stack(sources, axis=axis)
    shape = list(sources[0].shape)
    shape.insert(axis % (len(shape) + 1), len(sources))
    return unknown(shape)


def _unpack(operator: Operator, source: Array) -> list[Array]:
    return list(np.moveaxis(source, option(operator, "axis"), 0))


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
        name: option(operator, f"{name}Mask")
        for name in ("begin", "end", "ellipsis", "newAxis", "shrinkAxis")
    }
    if option(operator, "offset"):
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
    return np.split(source, option(operator, "numSplits"), int(np.ravel(axis)[0]))


def _split_by_sizes(operator: Operator, source: Array, sizes: Array, axis: Array) -> list[Array]:
    return np.split(source, np.cumsum(sizes)[:-1].tolist(), int(np.ravel(axis)[0]))


def _gather(operator: Operator, source: Array, indices: Array) -> Array:
    if option(operator, "batchDims"):
        raise ModelError("GATHER has batch dimensions")
    axis = range(source.ndim)[option(operator, "axis")]
    if is_known(source) and is_known(indices):
        return np.asarray(np.take(source, indices, axis=axis))
    return unknown((*source.shape[:axis], *indices.shape, *source.shape[axis + 1 :]))


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
    "CONV_2D": layers.convolution,
    "DEPTHWISE_CONV_2D": layers.convolution,
    "AVERAGE_POOL_2D": layers.pool,
    "MAX_POOL_2D": layers.pool,
    "L2_POOL_2D": layers.pool,
    "FULLY_CONNECTED": layers.fully_connected,
    "BATCH_MATMUL": layers.batch_matrix_product,
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
    "RESIZE_BILINEAR": layers.resize,
    "RESIZE_NEAREST_NEIGHBOR": layers.resize,
    "SPACE_TO_DEPTH": layers.space_to_depth,
    "DEPTH_TO_SPACE": layers.depth_to_space,
    "SPACE_TO_BATCH_ND": layers.space_to_batch,
    "BATCH_TO_SPACE_ND": layers.batch_to_space,
}
