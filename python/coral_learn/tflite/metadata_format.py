"""The flatbuffer of TFLite metadata, as nested dicts.

No package for current Python versions ships the object API of TFLite's ``metadata_schema.fbs``.
Therefore the part of the schema that concerns image models is described here as data, which one
reader and one writer interpret. Fields outside that part are ignored when a file is read.
"""

import struct
from typing import Any, TypeAlias

import flatbuffers
import numpy as np
from flatbuffers import number_types
from numpy.typing import NDArray

from ..errors import ModelError
from .checked import CheckedBuffer, CheckedTable

_IDENTIFIER = b"M001"
TENSOR_AXIS_LABELS = 2
"""The type of an associated file with the name of each index of a tensor's last dimension."""
IMAGE_PROPERTIES = 2
"""The kind of content that is an image."""
RGB, GRAYSCALE = 1, 2
"""The color space of most images."""
NORMALIZATION_OPTIONS = 1
"""The kind of a process unit that normalizes."""

# A kind of field is a flatbuffers number type; str (held as bytes); a dict, for a table of these
# fields in the schema's order; a list with one kind, for a vector; or a tuple of tables, for a
# union (held as its number, from 1, and the table).
Kind: TypeAlias = Any

_INT8 = number_types.Int8Flags
_INT32 = number_types.Int32Flags
_UINT8 = number_types.Uint8Flags
_UINT32 = number_types.Uint32Flags
_FLOAT32 = number_types.Float32Flags

_FEATURE_PROPERTIES: Kind = {}
_IMAGE_PROPERTIES: Kind = {
    "color_space": _INT8,
    "default_size": {"width": _UINT32, "height": _UINT32},
}
_NORMALIZATION_OPTIONS: Kind = {"mean": [_FLOAT32], "std": [_FLOAT32]}
_TENSOR_METADATA: Kind = {
    "name": str,
    "description": str,
    "dimension_names": [str],
    "content": {
        "content_properties": (_FEATURE_PROPERTIES, _IMAGE_PROPERTIES),
        "range": {"min": _INT32, "max": _INT32},
    },
    "process_units": [{"options": (_NORMALIZATION_OPTIONS,)}],
    "stats": {"max": [_FLOAT32], "min": [_FLOAT32]},
    "associated_files": [{"name": str, "description": str, "type": _INT8, "locale": str}],
}
_MODEL_METADATA: Kind = {
    "name": str,
    "description": str,
    "version": str,
    "subgraph_metadata": [
        {
            "name": str,
            "description": str,
            "input_tensor_metadata": [_TENSOR_METADATA],
            "output_tensor_metadata": [_TENSOR_METADATA],
        }
    ],
    "author": str,
    "license": str,
    "associated_files": [{"name": str, "description": str, "type": _INT8, "locale": str}],
    "min_parser_version": str,
}


def decode_metadata(content: bytes | NDArray[np.uint8]) -> dict[str, Any]:
    """Reads a ``TFLITE_METADATA`` buffer; absent fields are absent from the dicts.

    Raises:
        ModelError: The buffer is damaged.
    """
    try:
        buffer = CheckedBuffer(content)
        root = CheckedTable(buffer, struct.unpack_from("<I", buffer.content)[0])
        return _read_table(root, _MODEL_METADATA)
    except (ValueError, TypeError, struct.error) as error:
        raise ModelError(f"the model's TFLITE_METADATA is broken: {error}") from error


def encode_metadata(metadata: dict[str, Any]) -> bytes:
    """Returns a ``TFLITE_METADATA`` buffer, which :func:`decode_metadata` can read."""
    builder = flatbuffers.Builder()
    builder.Finish(_write_table(builder, metadata, _MODEL_METADATA), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _read_table(table: CheckedTable, fields: Kind) -> dict[str, Any]:
    values = {}
    for name, (slot, kind) in _slots(fields).items():
        offset = table.Offset(4 + 2 * slot)
        if not offset:
            continue
        if isinstance(kind, tuple):
            type_offset = table.Offset(4 + 2 * (slot - 1))
            number = table.Get(_UINT8, table.Pos + type_offset) if type_offset else 0
            if 1 <= number <= len(kind):
                values[name] = number, _read(table, table.Pos + offset, kind[number - 1])
        else:
            values[name] = _read(table, table.Pos + offset, kind)
    return values


def _read(table: CheckedTable, position: int, kind: Kind) -> Any:
    if kind is str:
        return table.String(position)
    if isinstance(kind, dict):
        return _read_table(CheckedTable(table.Bytes, table.Indirect(position)), kind)
    if isinstance(kind, list):
        offset = position - table.Pos
        start, step, length = table.Vector(offset), _width(kind[0]), table.VectorLen(offset)
        table.Bytes.spend_items(length)
        return [_read(table, start + index * step, kind[0]) for index in range(length)]
    return table.Get(kind, position)


def _write_table(builder: Any, values: dict[str, Any], fields: Kind) -> int:
    slots = _slots(fields)
    # A table's children come before it in the file.
    present = {name: _write_child(builder, values[name], slots[name][1]) for name in values}
    builder.StartObject(max((slot for slot, _ in slots.values()), default=-1) + 1)
    for name, value in present.items():
        slot, kind = slots[name]
        if isinstance(kind, tuple):
            builder.PrependUint8Slot(slot - 1, values[name][0], 0)
        if _is_number(kind):
            builder.PrependSlot(kind, slot, value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
    return int(builder.EndObject())


def _write_child(builder: Any, value: Any, kind: Kind) -> Any:
    """Writes the value of a field and returns its position; returns a number as it is."""
    if kind is str:
        return builder.CreateString(value)
    if isinstance(kind, dict):
        return _write_table(builder, value, kind)
    if isinstance(kind, tuple):
        number, table = value
        return _write_table(builder, table, kind[number - 1])
    if isinstance(kind, list):
        items = [_write_child(builder, item, kind[0]) for item in value]
        builder.StartVector(_width(kind[0]), len(items), _width(kind[0]))
        for item in reversed(items):
            if _is_number(kind[0]):
                builder.Prepend(kind[0], item)
            else:
                builder.PrependUOffsetTRelative(item)
        return builder.EndVector()
    return value


def _slots(fields: Kind) -> dict[str, tuple[int, Kind]]:
    """Numbers the fields of a table; a union takes two numbers, the first for its type."""
    slots = {}
    slot = 0
    for name, kind in fields.items():
        slot += isinstance(kind, tuple)
        slots[name] = slot, kind
        slot += 1
    return slots


def _is_number(kind: Kind) -> bool:
    return isinstance(kind, type) and kind is not str


def _width(kind: Kind) -> int:
    return int(kind.bytewidth) if _is_number(kind) else 4
