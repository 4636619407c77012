"""What the outputs of a graph mean: the activations before them, found backwards."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .activation import Scores, size_of
from .graph import Graph
from .nodes import Operator, Tensor
from .origins import PAIRED, Origins, both_ways
from .output_kind import OutputKind

_MAX_DEPTH = 16
# Clipping at these bounds, or adding as little as this, changes no answer.
_NEGLIGIBLE = 0.01

_RECTIFIERS = ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")
_PICKERS = ("GATHER", "SLICE", "STRIDED_SLICE")


class ScoreReader:
    """Reads what the outputs of a graph mean.

    It knows SOFTMAX, LOG_SOFTMAX and LOGISTIC; each of them written out in simpler operators,
    clipped, or scaled; the pair [1 - p, p]; and the average of several.
    """

    def __init__(self, graph: Graph) -> None:
        self._origins = Origins(graph)
        self._known: dict[Tensor, Scores | None] = {}
        self._depth = 0

    def read(self, output: Tensor | None) -> Scores | None:
        """Returns what a tensor of scores means; None if no known activation computes it."""
        if output is None or self._depth > _MAX_DEPTH:
            return None
        source = self._origins.source(output)
        if source not in self._known:
            operator = self._origins.producers.get(source)
            self._depth += 1
            self._known[source] = self._read(operator) if operator else None
            self._depth -= 1
        return self._known[source]

    def _read(self, operator: Operator) -> Scores | None:
        name, inputs = operator.name, operator.inputs
        if not inputs or (name in PAIRED and len(inputs) != 2):
            return None
        match name:
            case "SOFTMAX":
                beta = float(getattr(operator.table.builtinOptions, "beta", 1))
                return Scores.of_softmax(inputs[0], beta)
            case "LOG_SOFTMAX":
                return _as_logarithm(Scores.of_softmax(inputs[0]))
            case "LOGISTIC":
                return Scores.of_sigmoid(inputs[0])
            case "LOG":
                return _as_logarithm(self.read(inputs[0]))
            case "EXP":
                found = self.read(inputs[0])
                return _as_probabilities(found, OutputKind.LOG_PROBABILITIES)
            case "MINIMUM" | "MAXIMUM":
                return self._clipped(operator)
            case "DIV":
                return self._quotient(operator)
            case "MUL":
                return self._product(operator)
            case "SUB":
                return self._difference(operator)
            case "ADD" | "ADD_N":
                return self._sum(operator)
            case "MEAN" | "SUM":
                return self._reduced(operator)
            case "CONCATENATION" | "PACK":
                return self._concatenated(inputs)
        if name in _PICKERS:
            found = self.read(inputs[0])
            return found.with_obstacle(f"{name} picks some of its scores") if found else None
        return _linear(self.read(inputs[0])) if name in _RECTIFIERS else None

    def _clipped(self, operator: Operator) -> Scores | None:
        computed, bounds = self._origins.split(operator)
        found = self.read(computed)
        if found is None or bounds is None:
            return None
        low, high = (math.log(_NEGLIGIBLE), 0.0) if found.is_logarithm else (0.0, 1.0)
        if operator.name == "MINIMUM":
            clips = bool(bounds.min() < high - _NEGLIGIBLE)
        else:
            clips = bool(bounds.max() > low + _NEGLIGIBLE)
        return found.with_obstacle("its scores are clipped" if clips else None)

    def _quotient(self, operator: Operator) -> Scores | None:
        numerator, denominator = operator.inputs
        logits = self._written_softmax(numerator, denominator)
        if logits is not None:
            return Scores.of_softmax(logits)
        if self._origins.is_one(numerator):
            return self._written_sigmoid(denominator)
        computed, factor = self._origins.split(operator)
        return self._scaled(computed, factor) if computed is numerator else None

    def _product(self, operator: Operator) -> Scores | None:
        computed, factor = self._origins.split(operator)
        if factor is not None:
            return self._scaled(computed, factor)
        for numerator, reciprocal in both_ways(operator):
            quotient = self._origins.operator(reciprocal, "DIV")
            if quotient is not None and self._origins.is_one(quotient.inputs[0]):
                return Scores.of_softmax(self._written_softmax(numerator, quotient.inputs[1]))
        return None

    def _scaled(self, computed: Tensor | None, factor: NDArray[np.float32] | None) -> Scores | None:
        found = _linear(self.read(computed))
        if found is None or factor is None:
            return None
        return found.with_obstacle("its scores are weighted by class" if np.ptp(factor) else None)

    def _difference(self, operator: Operator) -> Scores | None:
        whole, part = operator.inputs
        if self._origins.is_one(whole):
            found = self.read(part)
            return found.complement() if found else None
        logarithm = self._origins.operator(part, "LOG")
        total = self._origins.operator(logarithm.inputs[0], "SUM") if logarithm else None
        exponential = self._origins.operator(total.inputs[0], "EXP") if total else None
        if exponential is not None and self._origins.is_same(exponential.inputs[0], whole):
            return _as_logarithm(Scores.of_softmax(self._unshifted(whole)))
        return None

    def _sum(self, operator: Operator) -> Scores | None:
        computed, addend = self._origins.split(operator)
        if addend is None:
            return self._combined(operator.inputs)
        found = _linear(self.read(computed))
        moves = bool(np.abs(addend).max() > _NEGLIGIBLE)
        return found and found.with_obstacle("a constant is added to its scores" if moves else None)

    def _reduced(self, operator: Operator) -> Scores | None:
        """Reads the mean or the sum of heads that are stacked."""
        for name in ("PACK", "CONCATENATION"):
            stack = self._origins.operator(operator.inputs[0], name)
            if stack is not None and stack.inputs[0] is not None:
                is_per_class = size_of(operator.outputs[0]) == size_of(stack.inputs[0])
                return self._combined(stack.inputs) if is_per_class else None
        return None

    def _combined(self, parts: Sequence[Tensor | None]) -> Scores | None:
        found = [self.read(part) for part in parts]
        return Scores.of_several(found, "its output combines the scores of several heads")

    def _concatenated(self, parts: Sequence[Tensor | None]) -> Scores | None:
        found = [self.read(part) for part in parts]
        if len(parts) == 2 and self._are_complements(*parts):
            return _as_probabilities(found[1], OutputKind.SIGMOID)
        joined = Scores.of_several(found, "its output joins the scores of several heads")
        is_sigmoid = joined is not None and joined.complement() is not None
        return joined._replace(kind=OutputKind.MULTI_LABEL) if joined and is_sigmoid else None

    def _are_complements(self, first: Tensor | None, second: Tensor | None) -> bool:
        return self._is_complement(first, second) or self._is_complement(second, first)

    def _is_complement(self, tensor: Tensor | None, whole: Tensor | None) -> bool:
        """Tells whether a tensor is 1 - p for another tensor p."""
        difference = self._origins.operator(tensor, "SUB")
        if difference is None or not self._origins.is_one(difference.inputs[0]):
            return False
        return self._origins.is_same(difference.inputs[1], whole)

    def _written_softmax(
        self, numerator: Tensor | None, denominator: Tensor | None
    ) -> Tensor | None:
        """Returns the logits x of EXP(x) and SUM(EXP(x)), less their maximum or not."""
        exponential = self._origins.operator(numerator, "EXP")
        total = self._origins.operator(denominator, "SUM")
        if exponential is None or total is None or size_of(total.outputs[0]) != 1:
            return None
        if not self._origins.is_same(total.inputs[0], exponential.outputs[0]):
            return None
        return self._unshifted(exponential.inputs[0])

    def _unshifted(self, logits: Tensor | None) -> Tensor | None:
        """Returns x for SUB(x, REDUCE_MAX(x)), and other tensors as they are."""
        difference = self._origins.operator(logits, "SUB")
        if difference is None:
            return logits
        unshifted, shift = difference.inputs
        largest = self._origins.operator(shift, "REDUCE_MAX")
        is_shift = largest is not None and self._origins.is_same(largest.inputs[0], unshifted)
        return unshifted if is_shift else logits

    def _written_sigmoid(self, denominator: Tensor | None) -> Scores | None:
        """Reads 1 / (1 + EXP(x)), the sigmoid of -x."""
        total = self._origins.operator(denominator, "ADD")
        for one, power in both_ways(total) if total else ():
            exponential = self._origins.operator(power, "EXP")
            if exponential is not None and self._origins.is_one(one):
                return Scores.of_sigmoid(exponential.inputs[0], -1.0)
        return None


def _linear(scores: Scores | None) -> Scores | None:
    """Returns scores that can be scaled and moved a little, and None for logarithms."""
    return None if scores is None or scores.is_logarithm else scores


def _as_logarithm(scores: Scores | None) -> Scores | None:
    if scores is None or scores.kind is not OutputKind.PROBABILITIES:
        return None
    return scores._replace(kind=OutputKind.LOG_PROBABILITIES)


def _as_probabilities(scores: Scores | None, kind: OutputKind) -> Scores | None:
    """Returns scores of a kind as probabilities, and None for others."""
    is_kind = scores is not None and scores.kind is kind
    return scores._replace(kind=OutputKind.PROBABILITIES) if scores and is_kind else None
