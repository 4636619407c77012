"""Joining the head of a classifier with its embedding, for a model that keeps it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import schema
from ..graph import Graph
from ..layers import add_dequantize, add_quantize, add_reshape
from ..nodes import Tensor
from ..quantization import Quantization, stored_range

PREFIX = "imprinting/"
"""The start of the names of the tensors that are added."""

# The lengths that L2_NORMALIZATION divides by then differ by less than 32-bit floats can tell.
_ANCHOR_FACTOR = 2.0**12
_MAX_ANCHOR = 2.0**60  # its square is a 32-bit float
# Logits of an even smaller range differ by less than an 8-bit probability can tell.
_MIN_EXTENT = 0.5


class JoinedScale(NamedTuple):
    """The sizes of the joined parts.

    Attributes:
        reach: The factor of the direction.
        anchor: The constant.
        logits: The quantization of the logits in the type of the tail; None for a float tail.
    """

    reach: float
    anchor: float
    logits: Quantization | None

    @classmethod
    def of_logits(
        cls, logits: Quantization | None, largest: float, head: tuple[int, ...], logit_scale: float
    ) -> JoinedScale:
        """Chooses the sizes.

        Args:
            logits: The quantization of the logits in the type of the tail; None for a float tail.
            largest: A guess of the largest logit of a float tail.
            head: D and Z, the number of features and logits.
            logit_scale: The usual factor between cosines and logits.
        """
        features, classes = head
        if logits is None:
            anchor = _ANCHOR_FACTOR * 4 * max(largest * math.sqrt(classes), 1.0)
            return cls(1.0, min(anchor, _MAX_ANCHOR), None)
        extent = max(logits.high, -logits.low)
        if extent < _MIN_EXTENT:
            scale = float(np.float32(logits.scale * _MIN_EXTENT / extent))
            logits, extent = Quantization(logits.dtype, scale, logits.zero_point), _MIN_EXTENT
        # Directions and their weights then get about as many different stored values.
        peak = min(1.0, 6 / math.sqrt(features))
        share = min(0.9, peak * math.sqrt(1.5 * logit_scale / extent))
        reach = math.copysign(share * extent / peak, logits.high + logits.low)
        anchor = _ANCHOR_FACTOR * max(extent * math.sqrt(classes), abs(reach))
        return cls(reach, min(anchor, _MAX_ANCHOR), logits)


def join_head(graph: Graph, embedding: Tensor, logits: Tensor, sizes: JoinedScale) -> Tensor:
    """Adds the operators that join a head with the embedding; returns what CONV_2D reads.

    Args:
        graph: The graph of a classifier, which is changed.
        embedding: The tensor of the embedding.
        logits: The tensor of the logits.
        sizes: The sizes of the joined parts.
    """
    flat = _add_unit_vector(graph, _as_real(graph, "embedding", embedding))
    factor = graph.add_tensor(f"{PREFIX}reach", [1], np.float32, values=[sizes.reach])
    reached = graph.add_result(f"{PREFIX}reached", flat.shape, np.float32, None)
    graph.add_operator(
        schema.BuiltinOperator.MUL, [flat, factor], [reached], options=schema.MulOptionsT()
    )
    anchor = graph.add_tensor(
        f"{PREFIX}anchor", [1, 1, 1, 1], np.float32, values=[[[[sizes.anchor]]]]
    )
    parts = [_as_real(graph, "logits", logits), reached, anchor]
    options = schema.ConcatenationOptionsT()
    options.axis = 3
    shape = [1, 1, 1, sum(part.shape[-1] for part in parts)]
    joined = graph.add_result(f"{PREFIX}joined", shape, np.float32, None)
    graph.add_operator(schema.BuiltinOperator.CONCATENATION, parts, [joined], options=options)
    normalized = _add_unit_vector(graph, joined)
    if sizes.logits is None:
        return normalized
    scale = float(np.float32(sizes.logits.scale / sizes.anchor))
    stored = Quantization(sizes.logits.dtype, scale, sizes.logits.zero_point)
    return add_quantize(graph, f"{PREFIX}stored", normalized, stored)


def in_type(logits: Quantization | None, dtype: np.dtype[Any]) -> Quantization | None:
    """Returns the same quantization in another 8-bit type; None for real numbers."""
    if logits is None or dtype.kind == "f":
        return None
    shift = stored_range(dtype)[0] - stored_range(logits.dtype)[0]
    return Quantization(dtype, logits.scale, logits.zero_point + shift)


def _as_real(graph: Graph, name: str, tensor: Tensor) -> Tensor:
    """Returns a tensor as float32 [1, 1, 1, N]."""
    if tensor.quantization is not None:
        tensor = add_dequantize(graph, f"{PREFIX}{name}/real", tensor)
    shape = [1, 1, 1, tensor.shape[-1]]
    if len(tensor.shape) != 4:
        tensor = add_reshape(graph, f"{PREFIX}{name}/flat", tensor, shape)
    return tensor


def _add_unit_vector(graph: Graph, source: Tensor) -> Tensor:
    """Adds an L2_NORMALIZATION of real numbers and returns its output."""
    unit = graph.add_result(f"{PREFIX}normalized", source.shape, np.float32, None)
    graph.add_operator(
        schema.BuiltinOperator.L2_NORMALIZATION, [source], [unit], options=schema.L2NormOptionsT()
    )
    return unit
