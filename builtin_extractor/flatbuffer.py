"""Writing a graph as a .tflite file. The same graph always gives the same bytes.

The numbers of fields are those of TensorFlow Lite's schema.fbs.
"""

from collections.abc import Mapping, Sequence

import flatbuffers
import numpy as np
from flatbuffers.number_types import Int8Flags, Int32Flags, Uint8Flags, Uint32Flags
from numpy.typing import NDArray

from .graph import Graph, Kind, Numbers, Operator, Tensor

_SCHEMA_VERSION = 3
_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # of constants
_TYPES = {"int32": 2, "uint8": 3, "int8": 9}


def write_model(graph: Graph, *, description: str, metadata: Mapping[str, bytes]) -> bytes:
    """Returns a graph as a .tflite file.

    Args:
        graph: The graph.
        description: What the file says it is.
        metadata: Further data, by the name of their entry.
    """
    builder = flatbuffers.Builder(1 << 22)
    kinds = sorted({operator.kind for operator in graph.operators})
    constants = [tensor.values for tensor in graph.tensors if tensor.values is not None]
    contents = [*map(_little_endian, constants), *metadata.values()]
    # Buffer 0 is empty: it belongs to the tensors that are computed.
    buffers = [_table(builder, {}), *(_buffer(builder, content) for content in contents)]
    entries = [
        _table(
            builder,
            {0: builder.CreateString(name)},
            ((1, Uint32Flags, 1 + len(constants) + index),),
        )
        for index, name in enumerate(metadata)
    ]
    positions = {
        1: _vector(builder, [_operator_code(builder, kind) for kind in kinds]),
        2: _vector(builder, [_subgraph(builder, graph, kinds)]),
        3: builder.CreateString(description),
        4: _vector(builder, buffers),
        6: _vector(builder, entries),
    }
    model = _table(builder, positions, ((0, Uint32Flags, _SCHEMA_VERSION),))
    builder.Finish(model, file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _little_endian(values: NDArray[np.int8] | NDArray[np.int32]) -> bytes:
    return values.astype(values.dtype.newbyteorder("<")).tobytes()


def _buffer(builder: flatbuffers.Builder, content: bytes) -> int:
    builder.StartVector(1, len(content), _ALIGNMENT)
    builder.head -= len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    return _table(builder, {0: builder.EndVector()})


def _operator_code(builder: flatbuffers.Builder, kind: Kind) -> int:
    # Runtimes of 2020 and earlier read the number of the operator from field 0.
    codes = ((0, Int8Flags, kind.code), (3, Int32Flags, kind.code))
    return _table(builder, {}, (*codes, (2, Int32Flags, kind.version)))


def _subgraph(builder: flatbuffers.Builder, graph: Graph, kinds: Sequence[Kind]) -> int:
    tensors = []
    constants = 0
    for tensor in graph.tensors:
        constants += tensor.values is not None
        tensors.append(_tensor(builder, tensor, 0 if tensor.values is None else constants))
    operators = [_operator(builder, each, kinds.index(each.kind)) for each in graph.operators]
    positions = {
        0: _vector(builder, tensors),
        1: _integers(builder, [0]),
        2: _integers(builder, [len(tensors) - 1]),
        3: _vector(builder, operators),
        4: builder.CreateString("main"),
    }
    return _table(builder, positions)


def _tensor(builder: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    positions = {0: _integers(builder, tensor.shape), 3: builder.CreateString(tensor.name)}
    if tensor.scales is not None:
        zero_points = np.full(len(tensor.scales), tensor.zero_point, np.int64)
        quantization = {
            2: builder.CreateNumpyVector(tensor.scales),
            3: builder.CreateNumpyVector(zero_points),
        }
        positions[4] = _table(builder, quantization, ((6, Int32Flags, tensor.axis),))
    dtype = _TYPES[tensor.dtype]
    return _table(builder, positions, ((1, Int8Flags, dtype), (2, Uint32Flags, buffer)))


def _operator(builder: flatbuffers.Builder, operator: Operator, code: int) -> int:
    positions = {
        1: _integers(builder, operator.inputs),
        2: _integers(builder, [operator.output]),
        4: _table(builder, {}, operator.options),
    }
    options_type = operator.kind.options_type
    return _table(builder, positions, ((0, Uint32Flags, code), (3, Uint8Flags, options_type)))


def _table(
    builder: flatbuffers.Builder, positions: Mapping[int, int], numbers: Numbers = ()
) -> int:
    """Writes a table and returns its position.

    Args:
        builder: The builder.
        positions: Where the fields lie that were written before, by the number of the field.
        numbers: The fields that are numbers.
    """
    slots = [*positions, *(slot for slot, _, _ in numbers)]
    # Without this, tables of the same layout differ in their padding, and it depends on the version
    # of flatbuffers whether they share the list of their fields.
    builder.Prep(4, 0)
    builder.StartObject(max(slots, default=-1) + 1)
    for slot, position in positions.items():
        builder.PrependUOffsetTRelativeSlot(slot, position, 0)
    for slot, flags, value in numbers:
        builder.PrependSlot(flags, slot, value, 0)
    return int(builder.EndObject())


def _integers(builder: flatbuffers.Builder, values: Sequence[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, np.int32)))


def _vector(builder: flatbuffers.Builder, positions: Sequence[int]) -> int:
    builder.StartVector(4, len(positions), 4)
    for position in reversed(positions):
        builder.PrependUOffsetTRelative(position)
    return int(builder.EndVector())
