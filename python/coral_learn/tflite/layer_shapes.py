"""The shapes that the layers of image models give: convolutions, pooling and matrix products."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from . import schema
from .nodes import Operator

Array: TypeAlias = NDArray[Any]


def unknown(shape: Iterable[int]) -> Array:
    """Returns an array of a shape whose numbers do not matter; it takes no memory."""
    return np.broadcast_to(np.int8(0), tuple(shape))


def option(operator: Operator, name: str, default: int = 0) -> int:
    """Returns a number among the options of an operator."""
    return int(getattr(operator.table.builtinOptions, name, default))


def _window(operator: Operator, size: int, kernel: int, axis: str) -> int:
    """Returns the number of positions of a kernel along an axis, "H" or "W"."""
    stride = option(operator, f"stride{axis}", 1)
    kernel = (kernel - 1) * option(operator, f"dilation{axis}Factor", 1) + 1
    if option(operator, "padding") == schema.Padding.VALID:
        size -= kernel - 1
    if size < 1:
        raise ModelError(f"the image is too small for {operator.name}")
    return math.ceil(size / stride)


def convolution(operator: Operator, source: Array, weights: Array, *biases: Array) -> Array:
    """Applies the kernels of CONV_2D or DEPTHWISE_CONV_2D."""
    batch, height, width, _ = source.shape
    channels = weights.shape[3 if operator.name == "DEPTHWISE_CONV_2D" else 0]
    height = _window(operator, height, weights.shape[1], "H")
    width = _window(operator, width, weights.shape[2], "W")
    return unknown((batch, height, width, channels))


def pool(operator: Operator, source: Array) -> Array:
    """Applies the window of a pooling operator."""
    batch, height, width, channels = source.shape
    height = _window(operator, height, option(operator, "filterHeight"), "H")
    width = _window(operator, width, option(operator, "filterWidth"), "W")
    return unknown((batch, height, width, channels))


def fully_connected(operator: Operator, source: Array, weights: Array, *biases: Array) -> Array:
    """Multiplies rows of features by the weights of FULLY_CONNECTED."""
    outputs, features = weights.shape
    if option(operator, "keepNumDims"):
        if source.shape[-1] != features:
            raise ModelError(f"FULLY_CONNECTED reads {source.shape[-1]} features, not {features}")
        return unknown((*source.shape[:-1], outputs))
    if source.size % features:
        raise ModelError(f"FULLY_CONNECTED reads {source.size} features, not {features}")
    return unknown((source.size // features, outputs))


def batch_matrix_product(operator: Operator, left: Array, right: Array) -> Array:
    """Multiplies matrices."""
    rows = left.shape[-1 if option(operator, "adjX") else -2]
    columns = right.shape[-2 if option(operator, "adjY") else -1]
    return unknown((*np.broadcast_shapes(left.shape[:-2], right.shape[:-2]), rows, columns))


def resize(operator: Operator, source: Array, size: Array) -> Array:
    """Resizes images to a size that an input gives."""
    height, width = size.tolist()
    return unknown((source.shape[0], height, width, source.shape[3]))


def space_to_depth(operator: Operator, source: Array) -> Array:
    """Moves blocks of pixels to channels."""
    batch, height, width, channels = source.shape
    block = option(operator, "blockSize")
    return unknown((batch, height // block, width // block, channels * block * block))


def depth_to_space(operator: Operator, source: Array) -> Array:
    """Moves channels to blocks of pixels."""
    batch, height, width, channels = source.shape
    block = option(operator, "blockSize")
    return unknown((batch, height * block, width * block, channels // (block * block)))


def space_to_batch(operator: Operator, source: Array, block: Array, padding: Array) -> Array:
    """Moves every n-th pixel to an image of its own, for a dilated convolution."""
    batch, height, width, channels = source.shape
    sides = [
        (size + int(before) + int(after)) // int(step)
        for size, (before, after), step in zip((height, width), padding, block, strict=True)
    ]
    return unknown((batch * math.prod(block.tolist()), *sides, channels))


def batch_to_space(operator: Operator, source: Array, block: Array, crops: Array) -> Array:
    """Undoes :func:`space_to_batch`."""
    batch, height, width, channels = source.shape
    sides = [
        size * int(step) - int(before) - int(after)
        for size, (before, after), step in zip((height, width), crops, block, strict=True)
    ]
    return unknown((batch // math.prod(block.tolist()), *sides, channels))
