"""Single facts about a model file, read without the TFLite schema and without parsing the rest."""

from __future__ import annotations

import struct

from flatbuffers import number_types

from .checked import CheckedBuffer, CheckedTable

# Offsets in vtables, by TFLite's schema.fbs.
_OPERATOR_CODES, _SUBGRAPHS = 6, 8
_CUSTOM_CODE = 6
_TENSORS, _INPUTS, _TYPE = 4, 6, 6

FLOAT32 = 0
"""The number of the type float32 in the schema."""


def custom_operators(content: bytes) -> set[bytes]:
    """Returns the names of the custom operators that a model lists."""
    buffer = CheckedBuffer(content)
    model = CheckedTable(buffer, struct.unpack_from("<I", buffer.content)[0])
    offset = model.Offset(_OPERATOR_CODES)
    names = set()
    for index in range(model.VectorLen(offset) if offset else 0):
        entry = CheckedTable(buffer, model.Indirect(model.Vector(offset) + 4 * index))
        custom_code = entry.Offset(_CUSTOM_CODE)
        if custom_code:
            names.add(entry.String(entry.Pos + custom_code))
    return names


def first_input_type(content: bytes) -> int | None:
    """Returns the number of the type of a model's first input; None if it has no input."""
    buffer = CheckedBuffer(content)
    model = CheckedTable(buffer, struct.unpack_from("<I", buffer.content)[0])
    subgraph = _item(model, _SUBGRAPHS, 0)
    inputs = subgraph.Offset(_INPUTS) if subgraph else 0
    if subgraph is None or not inputs or not subgraph.VectorLen(inputs):
        return None
    [first] = struct.unpack_from("<i", buffer.content, subgraph.Vector(inputs))
    tensor = _item(subgraph, _TENSORS, first)
    if tensor is None:
        return None
    offset = tensor.Offset(_TYPE)
    return int(tensor.Get(number_types.Int8Flags, tensor.Pos + offset)) if offset else FLOAT32


def _item(table: CheckedTable, slot: int, index: int) -> CheckedTable | None:
    """Returns a table in a vector of tables; None if it is not there."""
    offset = table.Offset(slot)
    if not offset or not 0 <= index < table.VectorLen(offset):
        return None
    return CheckedTable(table.Bytes, table.Indirect(table.Vector(offset) + 4 * index))
