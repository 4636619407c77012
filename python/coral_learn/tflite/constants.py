"""The constants of a graph as real numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .graph import Graph
from .nodes import Tensor

# The squares of numbers up to this, and their sums, are far from the limits of 32-bit floats.
_MAX_NUMBER = 2.0**50


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
    check_numbers(f"tensor {tensor.name!r}", real)
    return real


def is_constant(graph: Graph, tensor: Tensor | None) -> bool:
    """Tells whether a tensor holds the same numbers for every photo, stored or dequantized."""
    if tensor is None:
        return False
    producer = graph.producers.get(tensor)
    if producer is None:
        return _has_data(graph, tensor)
    stored = producer.inputs[:1]
    return producer.name == "DEQUANTIZE" and stored != [] and _has_data(graph, stored[0])


def check_numbers(where: str, numbers: NDArray[np.float32]) -> None:
    """Refuses numbers that a head cannot be computed with.

    Args:
        where: What has the numbers, in the words of the error.
        numbers: The numbers.

    Raises:
        ModelError: A number is not finite, or too large.
    """
    # Written so that NaN does not pass.
    if not (numbers.min() >= -_MAX_NUMBER and numbers.max() <= _MAX_NUMBER):
        raise ModelError(f"{where} has numbers that are not finite, or too large to compute with")


def _has_data(graph: Graph, tensor: Tensor | None) -> bool:
    data = None if tensor is None else graph.model.buffers[tensor.table.buffer].data
    return data is not None and len(data) > 0


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
