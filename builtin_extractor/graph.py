"""A TensorFlow Lite graph: tensors, and the five kinds of operators that the network needs.

The numbers of operators, types and fields are those of TensorFlow Lite's schema.fbs.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from flatbuffers.number_types import BoolFlags, Int8Flags, Int32Flags
from numpy.typing import NDArray

_RELU6 = 3

Numbers: TypeAlias = tuple[tuple[int, type, int], ...]
"""The fields of a table that are numbers other than 0: the number of the field, type and value."""


class Tensor(NamedTuple):
    """A tensor.

    Attributes:
        name: Its name.
        shape: Its shape.
        dtype: Its type: uint8, int8 or int32.
        scales: The scale of its values, or one for each index of an axis; None for plain numbers.
        zero_point: The stored value of 0.
        axis: The axis of several scales.
        values: The values of a constant; None for a tensor that is computed.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: NDArray[np.float32] | None = None
    zero_point: int = 0
    axis: int = 0
    values: NDArray[np.int8] | NDArray[np.int32] | None = None


class Kind(NamedTuple):
    """A kind of operator.

    Attributes:
        code: The number of the operator.
        version: The version that a runtime must support.
        options_type: The number of the type of its options.
    """

    code: int
    version: int
    options_type: int


CONV_2D = Kind(3, 3, 1)
DEPTHWISE_CONV_2D = Kind(4, 3, 2)
ADD = Kind(0, 2, 11)
MEAN = Kind(40, 2, 27)
QUANTIZE = Kind(114, 1, 89)

MEAN_OPTIONS: Numbers = ((0, BoolFlags, 1),)  # keep_dims


class Operator(NamedTuple):
    """An operator.

    Attributes:
        kind: Its kind.
        inputs: The indices of the tensors that it reads.
        output: The index of the tensor that it computes.
        options: Its options.
    """

    kind: Kind
    inputs: tuple[int, ...]
    output: int
    options: Numbers


class Graph:
    """A graph that grows at its end: its first tensor is the input, its last one the output."""

    def __init__(self) -> None:
        """Makes an empty graph."""
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []

    def add_tensor(self, tensor: Tensor) -> int:
        """Adds a tensor and returns its index."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def add_operator(
        self, kind: Kind, inputs: Sequence[int], output: Tensor, options: Numbers = ()
    ) -> int:
        """Adds an operator, and returns the index of the tensor that it computes."""
        index = self.add_tensor(output)
        self.operators.append(Operator(kind, tuple(inputs), index, options))
        return index


def convolution_options(stride: int, *, has_relu6: bool) -> Numbers:
    """Returns the options of a convolution with SAME padding."""
    activation = _RELU6 if has_relu6 else 0
    return ((1, Int32Flags, stride), (2, Int32Flags, stride), (3, Int8Flags, activation))


def depthwise_options(stride: int) -> Numbers:
    """Returns the options of a depthwise convolution with SAME padding, and ReLU6."""
    strides = ((1, Int32Flags, stride), (2, Int32Flags, stride))
    return (*strides, (3, Int32Flags, 1), (4, Int8Flags, _RELU6))  # one filter for each channel
