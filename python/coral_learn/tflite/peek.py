"""Single facts about a model file, read without the TFLite schema and without parsing the rest.

Loading the schema and parsing a model takes longer than the first photo.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ..errors import ModelError
from .checked import CheckedBuffer, CheckedTable

# Values of BuiltinOperator, and offsets in vtables, by TFLite's schema.fbs.
_SOFTMAX = 25
_CONVERSIONS = {6: "DEQUANTIZE", 22: "RESHAPE", 43: "SQUEEZE", 114: "QUANTIZE"}
_MODEL_CODES, _MODEL_GRAPHS = 6, 8
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = 4, 6, 8, 10
_TENSOR_TYPE = 6
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS = 4, 6, 8
_CODE_NARROW, _CODE_CUSTOM, _CODE_WIDE = 4, 6, 10
_MAX_STEPS = 4

FLOAT32 = 0
"""The number of the type float32 in the schema."""


def custom_operators(content: bytes) -> set[bytes]:
    """Returns the names of the custom operators that a model lists.

    Raises:
        ModelError: The file is damaged.
        struct.error: Likewise.
    """
    names = set()
    for entry in _tables(_root(content), _MODEL_CODES):
        offset = entry.Offset(_CODE_CUSTOM)
        if offset:
            names.add(entry.String(entry.Pos + offset))
    return names


def first_input_type(content: bytes) -> int | None:
    """Returns the number of the type of a model's first input; None if it has no input.

    Raises:
        ModelError: The file is damaged.
        struct.error: Likewise.
    """
    graph = next(_tables(_root(content), _MODEL_GRAPHS), None)
    inputs = _numbers(graph, _GRAPH_INPUTS) if graph else []
    if graph is None or not inputs:
        return None
    tensors = _references(graph, _GRAPH_TENSORS)
    if not 0 <= inputs[0] < len(tensors):
        return None
    return _number(CheckedTable(graph.Bytes, tensors[inputs[0]]), _TENSOR_TYPE, "<b")


def ends_in_softmax(content: bytes) -> bool:
    """Tells whether the only output of a model is a softmax, as it is or in another form.

    False also for a model of another kind that cannot be told so quickly, or that is damaged.
    """
    try:
        return _ends_in_softmax(_root(content))
    except (ModelError, struct.error):
        return False


def _ends_in_softmax(model: CheckedTable) -> bool:
    graphs = list(_tables(model, _MODEL_GRAPHS))
    if len(graphs) != 1:
        return False
    codes, operators = _references(model, _MODEL_CODES), _references(graphs[0], _GRAPH_OPERATORS)
    expected = _numbers(graphs[0], _GRAPH_OUTPUTS)
    for position in operators[: -_MAX_STEPS - 1 : -1]:
        operator = CheckedTable(model.Bytes, position)
        if len(expected) != 1 or _numbers(operator, _OPERATOR_OUTPUTS) != expected:
            return False
        number = _number(operator, _OPERATOR_CODE, "<I")
        code = (
            _builtin_code(CheckedTable(model.Bytes, codes[number])) if number < len(codes) else -1
        )
        if code not in _CONVERSIONS:
            return code == _SOFTMAX
        expected = _numbers(operator, _OPERATOR_INPUTS)[:1]
    return False


def _root(content: bytes) -> CheckedTable:
    buffer = CheckedBuffer(content)
    return CheckedTable(buffer, struct.unpack_from("<I", buffer.content)[0])


def _builtin_code(entry: CheckedTable) -> int:
    return max(_number(entry, _CODE_NARROW, "<b"), _number(entry, _CODE_WIDE, "<i"))


def _number(table: CheckedTable, field: int, form: str) -> int:
    """Returns a number in a table; 0 if it is left out."""
    offset = table.Offset(field)
    if not offset:
        return 0
    number: int = struct.unpack_from(form, table.Bytes.content, table.Pos + offset)[0]
    return number


def _tables(table: CheckedTable, field: int) -> Iterator[CheckedTable]:
    """Yields the tables in a vector."""
    return (CheckedTable(table.Bytes, position) for position in _references(table, field))


def _references(table: CheckedTable, field: int) -> list[int]:
    """Returns the positions of the tables in a vector."""
    return [table.Indirect(position) for position in _elements(table, field)]


def _numbers(table: CheckedTable, field: int) -> list[int]:
    """Returns the elements of a vector of 32-bit numbers."""
    content = table.Bytes.content
    return [struct.unpack_from("<i", content, position)[0] for position in _elements(table, field)]


def _elements(table: CheckedTable, field: int) -> Iterator[int]:
    """Yields the positions of the 32-bit elements of a vector."""
    offset = table.Offset(field)
    if offset:
        start, count = table.Vector(offset), table.VectorLen(offset)
        table.Bytes.spend_items(count)
        yield from range(start, start + 4 * count, 4)
