"""What the graph of a model shows about the pixel values that its float input expects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .constants import real_constant
from .graph import Graph
from .nodes import Operator, Tensor
from .normalization import (
    BYTES,
    SIGNED_UNIT,
    UNIT,
    Normalization,
    normalization_of_range,
)

_PASSED = ("PAD", "PADV2", "RESHAPE", "TRANSPOSE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
_ARITHMETIC = ("ADD", "SUB", "MUL", "DIV")
_MAX_OPERATORS = 12  # before the first layer
_RESCALING = "rescaling"  # Keras names its layer and the tensors made from it so

_EXACT_TARGETS = ((-1, 1), (0, 1), (0, 255), (-0.5, 0.5), (-128, 127), (-127.5, 127.5))
_EXACT = 0.001  # the part of a range by which it may miss a target
# Values of mean 0 and deviation 1 span about four deviations, and zero is near the middle.
_TYPICAL_WIDTH, _TYPICAL_ZERO = 4.0, 0.46
_MAX_MISFIT = 0.9
_MIN_COMMON = 0.5  # of the range of a QUANTIZE and that of the pixels
# Subtracting the mean alone, as Caffe's models do, keeps the width of 255.
_CENTERED_ZEROS = (0.3, 0.6)


class InputEvidence(NamedTuple):
    """The normalization that a graph shows, and how it shows it.

    Attributes:
        normalization: The normalization of pixels from 0 to 255.
        reason: How the graph shows it, in words.
    """

    normalization: Normalization
    reason: str


class _Affine(NamedTuple):
    """``factor * input + offset``, one number for each channel or for all, float64."""

    factor: NDArray[np.float64]
    offset: NDArray[np.float64]


def find_input_evidence(graph: Graph) -> InputEvidence | None:
    """Returns the normalization that the first operators of a float model show, or None.

    A QUANTIZE shows it by its range of real values, arithmetic with constants by giving a usual
    range for only one range of pixel values, and Keras's Rescaling layer by its name.
    """
    if len(graph.inputs) != 1 or graph.inputs[0].type_name != "float32":
        return None
    tensor = graph.inputs[0]
    done = _Affine(np.ones(1), np.zeros(1))
    found: list[str] = []
    try:
        for operator in graph.operators[:_MAX_OPERATORS]:
            if tensor not in operator.inputs:
                continue
            if operator.name == "QUANTIZE":
                return _of_quantize(operator, done)
            if operator.name in _ARITHMETIC:
                changed = _followed(graph, operator, tensor, done)
                if changed is None:
                    break
                done = changed
                found.append(operator.name)
            elif operator.name not in _PASSED:
                break
            tensor = operator.outputs[0]
    except ModelError:  # a constant that cannot be read shows nothing
        return None
    return _of_arithmetic(found, done) or _of_name(graph)


def _of_quantize(operator: Operator, done: _Affine) -> InputEvidence | None:
    """Returns the normalization behind a QUANTIZE, whose range calibration took from photos."""
    quantization = operator.outputs[0].quantization
    if quantization is None:
        return None
    low, high = quantization.low, quantization.high
    reason = f"it quantizes its pixels to the range {low:.3g} to {high:.3g}"
    if (done.factor == 1).all() and not done.offset.any():
        std = 255 / (high - low)
        spanning = Normalization((-low * std,), (std,))
        return InputEvidence(normalization_of_range(low, high) or spanning, reason)
    shares = {}
    for normalization, (lowest, highest) in _ranges_after(done).items():
        common = min(high, highest) - max(low, lowest)
        shares[normalization] = common / (max(high, highest) - min(low, lowest))
    best = max(shares, key=lambda each: shares[each], default=None)
    if best is None or shares[best] < _MIN_COMMON:
        return None
    return InputEvidence(best, reason)


def _ranges_after(done: _Affine) -> dict[Normalization, tuple[float, float]]:
    """Returns what arithmetic makes of each usual range of pixels; nothing if it inverts them."""
    factor, offset = np.broadcast_arrays(*done)
    if not (factor > 0).all():
        return {}
    ranges = {}
    for normalization in (BYTES, UNIT, SIGNED_UNIT):
        values = normalization.values()
        low, high = values.min() * factor + offset, values.max() * factor + offset
        ranges[normalization] = float(low.mean()), float(high.mean())
    return ranges


def _followed(graph: Graph, operator: Operator, tensor: Tensor, done: _Affine) -> _Affine | None:
    """Returns the arithmetic up to and with an operator; None if it is no arithmetic on pixels."""
    left, right = [*operator.inputs, None, None][:2]
    other = right if left is tensor else left
    if other is None or other in graph.inputs or operator.has_activation:
        return None
    constant = np.asarray(real_constant(graph, other), np.float64).reshape(-1)
    if constant.size not in (1, 3) or not np.isfinite(constant).all():
        return None
    factor, offset = done
    if operator.name == "MUL":
        return _Affine(factor * constant, offset * constant)
    if operator.name == "ADD":
        return _Affine(factor, offset + constant)
    if operator.name == "SUB":
        if left is tensor:
            return _Affine(factor, offset - constant)
        return _Affine(-factor, constant - offset)
    if left is not tensor or not constant.all():
        return None
    return _Affine(factor / constant, offset / constant)


def _of_arithmetic(operators: Sequence[str], done: _Affine) -> InputEvidence | None:
    """Returns the range of pixels that arithmetic turns into a range that layers expect."""
    if not operators:
        return None
    misfits = {each: _misfit(low, high) for each, (low, high) in _ranges_after(done).items()}
    if not misfits:
        return None
    best = min(misfits, key=lambda each: misfits[each])
    if misfits[best] > _MAX_MISFIT:
        return None
    names = " and ".join(operators)
    return InputEvidence(best, f"its first operators, {names}, scale pixels of this range")


def _misfit(low: float, high: float) -> float:
    """Returns how far a range is from those that layers expect: 0 for one of them."""
    width, zero = high - low, -low / (high - low)
    for target_low, target_high in _EXACT_TARGETS:
        slack = _EXACT * (target_high - target_low)
        if abs(low - target_low) <= slack and abs(high - target_high) <= slack:
            return 0.0
    if abs(width - 255) <= 1 and _CENTERED_ZEROS[0] <= zero <= _CENTERED_ZEROS[1]:
        return 0.0
    if not 0 < zero < 1:
        return float("inf")
    return abs(float(np.log(width / _TYPICAL_WIDTH))) + abs(zero - _TYPICAL_ZERO)


def _of_name(graph: Graph) -> InputEvidence | None:
    """Returns the range of a Rescaling layer that was folded away but left its name."""
    near: list[Tensor | None] = [*graph.inputs]
    for operator in graph.operators[:2]:
        near += [*operator.inputs, *operator.outputs]
    for tensor in near:
        if tensor is not None and _RESCALING in tensor.name.lower():
            return InputEvidence(BYTES, f"its tensor {tensor.name!r} belongs to a Rescaling layer")
    return None
