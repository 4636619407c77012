"""Writing a .tflite file of one graph, with nothing but the flatbuffers library.

The numbers of fields, types and operators are those of TensorFlow Lite's schema.fbs. The build of
this package needs no TensorFlow Lite runtime, which has no wheels for all of its processors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import flatbuffers
import numpy as np
from numpy.typing import NDArray

_SCHEMA_VERSION = 3
_IDENTIFIER = b"TFL3"
_BUFFER_ALIGNMENT = 16
_PADDING_SAME, _RELU6 = 0, 3
_TYPES = {"uint8": 3, "int8": 9, "int32": 2}

Options: TypeAlias = Callable[[flatbuffers.Builder], int]
"""Writes the options of an operator, and returns their position."""


class Tensor(NamedTuple):
    """A tensor.

    Attributes:
        name: Its name.
        shape: Its shape.
        dtype: uint8, int8 or int32.
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
    values: NDArray[np.generic] | None = None


class Kind(NamedTuple):
    """A kind of operator, as the list of operator codes has it.

    Attributes:
        code: The number of the operator.
        version: The version that the operator needs of a runtime.
        options_type: The number of the type of its options.
    """

    code: int
    version: int
    options_type: int


CONVOLUTION = Kind(3, 3, 1)
DEPTHWISE_CONVOLUTION = Kind(4, 3, 2)
ADD = Kind(0, 2, 11)
MEAN = Kind(40, 2, 27)
QUANTIZE = Kind(114, 2, 89)


class Operator(NamedTuple):
    """An operator.

    Attributes:
        kind: Its kind.
        inputs: The indices of the tensors that it reads.
        output: The index of the tensor that it computes.
        options: Writes its options.
    """

    kind: Kind
    inputs: tuple[int, ...]
    output: int
    options: Options


class Graph:
    """A graph that grows at its end."""

    def __init__(self, description: str) -> None:
        """Makes an empty graph; the description is stored in the file."""
        self.description = description
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []

    def add_tensor(self, tensor: Tensor) -> int:
        """Adds a tensor and returns its index."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def add_operator(
        self, kind: Kind, inputs: Sequence[int], output: Tensor, options: Options
    ) -> int:
        """Adds an operator, and returns the index of the tensor that it computes."""
        index = self.add_tensor(output)
        self.operators.append(Operator(kind, tuple(inputs), index, options))
        return index

    def to_bytes(self) -> bytes:
        """Returns the file: the same bytes for the same graph."""
        builder = flatbuffers.Builder(1 << 22)
        kinds = sorted({operator.kind for operator in self.operators})
        # Buffer 0 is the empty one, of the tensors that are computed.
        constants = [each.values for each in self.tensors if each.values is not None]
        buffers = [_buffer(builder, values) for values in (None, *constants)]
        codes = [_operator_code(builder, kind) for kind in kinds]
        graph = _subgraph(builder, self, kinds)
        description = builder.CreateString(self.description)
        vectors = [_vector(builder, each) for each in (codes, [graph], buffers)]
        builder.StartObject(5)
        builder.PrependUint32Slot(0, _SCHEMA_VERSION, 0)
        builder.PrependUOffsetTRelativeSlot(1, vectors[0], 0)
        builder.PrependUOffsetTRelativeSlot(2, vectors[1], 0)
        builder.PrependUOffsetTRelativeSlot(3, description, 0)
        builder.PrependUOffsetTRelativeSlot(4, vectors[2], 0)
        builder.Finish(builder.EndObject(), file_identifier=_IDENTIFIER)
        return bytes(builder.Output())


def convolution_options(stride: int, *, is_depthwise: bool, has_relu6: bool) -> Options:
    """Returns the options of a convolution with SAME padding."""

    def write(builder: flatbuffers.Builder) -> int:
        activation = 4 if is_depthwise else 3  # the field after it is the dilation
        builder.StartObject(7 if is_depthwise else 6)
        builder.PrependInt8Slot(0, _PADDING_SAME, 0)
        builder.PrependInt32Slot(1, stride, 0)
        builder.PrependInt32Slot(2, stride, 0)
        if is_depthwise:
            builder.PrependInt32Slot(3, 1, 0)  # filters for each channel
        builder.PrependInt8Slot(activation, _RELU6 if has_relu6 else 0, 0)
        return int(builder.EndObject())

    return write


def add_options(builder: flatbuffers.Builder) -> int:
    """Writes the options of an addition without an activation."""
    return _empty(builder, fields=2)


def mean_options(builder: flatbuffers.Builder) -> int:
    """Writes the options of a mean that keeps the axes it is taken over."""
    builder.StartObject(1)
    builder.PrependBoolSlot(0, True, False)
    return int(builder.EndObject())


def quantize_options(builder: flatbuffers.Builder) -> int:
    """Writes the options of a conversion, which has none."""
    return _empty(builder, fields=0)


def _empty(builder: flatbuffers.Builder, fields: int) -> int:
    builder.StartObject(fields)
    return int(builder.EndObject())


def _buffer(builder: flatbuffers.Builder, values: NDArray[np.generic] | None) -> int:
    data = None
    if values is not None:
        content = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
        builder.StartVector(1, len(content), _BUFFER_ALIGNMENT)
        builder.head -= len(content)
        builder.Bytes[builder.Head() : builder.Head() + len(content)] = content
        data = builder.EndVector()
    builder.StartObject(1)
    if data is not None:
        builder.PrependUOffsetTRelativeSlot(0, data, 0)
    return int(builder.EndObject())


def _operator_code(builder: flatbuffers.Builder, kind: Kind) -> int:
    builder.StartObject(4)
    builder.PrependInt8Slot(0, kind.code, 0)  # readers of old files look here
    builder.PrependInt32Slot(2, kind.version, 1)
    builder.PrependInt32Slot(3, kind.code, 0)
    return int(builder.EndObject())


def _subgraph(builder: flatbuffers.Builder, graph: Graph, kinds: Sequence[Kind]) -> int:
    next_buffer = iter(range(1, len(graph.tensors) + 1))
    tensors = [
        _tensor(builder, tensor, 0 if tensor.values is None else next(next_buffer))
        for tensor in graph.tensors
    ]
    operators = [_operator(builder, each, kinds.index(each.kind)) for each in graph.operators]
    name = builder.CreateString("main")
    parts = [
        _vector(builder, tensors),
        builder.CreateNumpyVector(np.array([0], np.int32)),  # the input is the first tensor
        builder.CreateNumpyVector(np.array([len(tensors) - 1], np.int32)),  # the output the last
        _vector(builder, operators),
        name,
    ]
    builder.StartObject(5)
    for slot, part in enumerate(parts):
        builder.PrependUOffsetTRelativeSlot(slot, part, 0)
    return int(builder.EndObject())


def _tensor(builder: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    quantization = _quantization(builder, tensor)
    name = builder.CreateString(tensor.name)
    shape = builder.CreateNumpyVector(np.array(tensor.shape, np.int32))
    builder.StartObject(5)
    builder.PrependUOffsetTRelativeSlot(0, shape, 0)
    builder.PrependInt8Slot(1, _TYPES[tensor.dtype], 0)
    builder.PrependUint32Slot(2, buffer, 0)
    builder.PrependUOffsetTRelativeSlot(3, name, 0)
    if quantization is not None:
        builder.PrependUOffsetTRelativeSlot(4, quantization, 0)
    return int(builder.EndObject())


def _quantization(builder: flatbuffers.Builder, tensor: Tensor) -> int | None:
    if tensor.scales is None:
        return None
    scales = builder.CreateNumpyVector(tensor.scales)
    zero_points = builder.CreateNumpyVector(
        np.full(len(tensor.scales), tensor.zero_point, np.int64)
    )
    builder.StartObject(7)
    builder.PrependUOffsetTRelativeSlot(2, scales, 0)
    builder.PrependUOffsetTRelativeSlot(3, zero_points, 0)
    builder.PrependInt32Slot(6, tensor.axis, 0)
    return int(builder.EndObject())


def _operator(builder: flatbuffers.Builder, operator: Operator, code: int) -> int:
    options = operator.options(builder)
    inputs = builder.CreateNumpyVector(np.array(operator.inputs, np.int32))
    outputs = builder.CreateNumpyVector(np.array([operator.output], np.int32))
    builder.StartObject(5)
    builder.PrependUint32Slot(0, code, 0)
    builder.PrependUOffsetTRelativeSlot(1, inputs, 0)
    builder.PrependUOffsetTRelativeSlot(2, outputs, 0)
    builder.PrependUint8Slot(3, operator.kind.options_type, 0)
    builder.PrependUOffsetTRelativeSlot(4, options, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, positions: Sequence[int]) -> int:
    builder.StartVector(4, len(positions), 4)
    for position in reversed(positions):
        builder.PrependUOffsetTRelative(position)
    return int(builder.EndVector())
