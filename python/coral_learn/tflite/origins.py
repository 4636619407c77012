"""Where the numbers of a tensor come from: looking up the operators before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .activation import size_of
from .constants import is_constant, real_constant
from .graph import Graph
from .nodes import Operator, Tensor

RESHAPING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE", "DEQUANTIZE")
"""The operators that keep the numbers of a vector, and change how they are stored."""

PAIRED = ("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "SUB")
"""The operators of two tensors, one of which may be a constant."""

_MAX_STEPS = 16
# Numbers this close to 1 are 1, in a stored form that rounds.
_TOLERANCE = 0.01


class Origins:
    """Looks up the operators that compute the tensors of a graph.

    Attributes:
        producers: The operator that computes each tensor.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.producers = graph.producers

    def source(self, tensor: Tensor) -> Tensor:
        """Follows a tensor back through operators that keep its numbers."""
        for _ in range(_MAX_STEPS):
            operator = self.producers.get(tensor)
            if operator is None or operator.name not in RESHAPING or not operator.inputs:
                break
            if operator.inputs[0] is None:
                break
            tensor = operator.inputs[0]
        return tensor

    def operator(self, tensor: Tensor | None, name: str) -> Operator | None:
        """Returns the operator of this name that computes a tensor, with all its inputs."""
        operator = None if tensor is None else self.producers.get(self.source(tensor))
        if operator is None or operator.name != name:
            return None
        return operator if len(operator.inputs) >= (2 if name in PAIRED else 1) else None

    def is_same(self, first: Tensor | None, second: Tensor | None) -> bool:
        """Tells whether two tensors have the same numbers."""
        if first is None or second is None:
            return False
        return self.source(first) is self.source(second)

    def computed_inputs(self, operator: Operator) -> list[Tensor]:
        """Returns the inputs of an operator that are no constants."""
        return [
            tensor
            for tensor in operator.inputs
            if tensor is not None and not is_constant(self._graph, tensor)
        ]

    def split(self, operator: Operator) -> tuple[Tensor | None, NDArray[np.float32] | None]:
        """Returns the input that is computed and the numbers of the constant one.

        Both are None unless there is one of each.
        """
        for computed, constant in both_ways(operator) if len(operator.inputs) == 2 else ():
            if not is_constant(self._graph, computed):
                numbers = self.numbers(constant)
                if numbers is not None:
                    return computed, numbers
        return None, None

    def numbers(self, tensor: Tensor | None) -> NDArray[np.float32] | None:
        """Returns the numbers of a constant that has some and can be read, or None."""
        if tensor is None or not size_of(tensor) or not is_constant(self._graph, tensor):
            return None
        try:
            return real_constant(self._graph, tensor)
        except ModelError:
            return None

    def is_one(self, tensor: Tensor | None) -> bool:
        """Tells whether a tensor is a constant of ones."""
        numbers = self.numbers(tensor)
        return numbers is not None and bool(np.abs(numbers - 1).max() < _TOLERANCE)


def both_ways(operator: Operator) -> list[tuple[Tensor | None, Tensor | None]]:
    """Returns the two inputs of an operator, in their order and in the reverse order."""
    first, second = operator.inputs[:2]
    return [(first, second), (second, first)]
