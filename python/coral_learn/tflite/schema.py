"""The TFLite schema's object API, from the runtime's own package, with every read checked.

The generated code trusts its input: a count or an offset of a broken file sends it far outside, or
around in one place for hours. It reads through one class, ``flatbuffers.table.Table``, so this file
loads a copy of the generated module of its own in which that class checks each step.
"""

import functools
import importlib.util
import struct
import types
from typing import Any, TypeAlias

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

ModelT: TypeAlias = Any
"""A whole model as a tree of objects; ``Any``, because the generated schema has no types."""
SubGraphT: TypeAlias = Any
TensorT: TypeAlias = Any
OperatorT: TypeAlias = Any

# Models of some megabytes have some thousands, and the largest not one in a thousand bytes. Reading
# 30,000 takes about half a second.
_MOST_TABLES_IN_SMALL_FILES = 30_000
_FEWEST_BYTES_A_TABLE = 1000
# A writer may store equal strings or vectors once; a file in which everything is stored once and
# used many times is made to fill the memory.
_MOST_READS_OF_A_BYTE = 4

_SCHEMA = "ai_edge_litert.schema_py_generated"


@functools.cache
def load_schema() -> Any:
    """Returns the module of the generated schema, imported on first use.

    Raises:
        ImportError: ai-edge-litert, which ships the schema, is not installed.
    """
    try:
        spec = importlib.util.find_spec(_SCHEMA)
    except ImportError:
        spec = None
    if spec is None or spec.loader is None:
        raise ImportError(
            "reading and writing .tflite models needs the schema that ai-edge-litert ships: "
            "pip install ai-edge-litert"
        )
    schema = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(schema)
    checked = {**vars(flatbuffers), "table": types.SimpleNamespace(Table=CheckedTable)}
    vars(schema)["flatbuffers"] = types.SimpleNamespace(**checked)
    return schema


class CheckedBuffer(np.ndarray[Any, np.dtype[np.uint8]]):
    """The bytes of a flatbuffer (not copied), with what may still be read of them."""

    tables_left: int
    bytes_left: int

    @classmethod
    def of(cls, content: bytes | NDArray[np.uint8]) -> "CheckedBuffer":
        """Wraps the bytes of a flatbuffer."""
        buffer = np.frombuffer(content, np.uint8).view(cls)
        buffer.tables_left = _MOST_TABLES_IN_SMALL_FILES + len(buffer) // _FEWEST_BYTES_A_TABLE
        buffer.bytes_left = _MOST_READS_OF_A_BYTE * len(buffer)
        return buffer

    def spend(self, start: int, length: int) -> None:
        """Checks that a span is inside, and that no more is read in all than the file can hold."""
        self.bytes_left -= length
        if start + length > len(self) or self.bytes_left < 0:
            raise ModelError(f"the {length} elements at byte {start} are more than the file holds")


class CheckedTable(flatbuffers.table.Table):  # type: ignore[misc]
    """A flatbuffer table whose place, fields, strings and vectors lie inside the buffer."""

    Bytes: CheckedBuffer
    Pos: int

    __slots__ = ("_size", "_vtable", "_vtable_size")

    def __init__(self, buffer: CheckedBuffer, position: int) -> None:
        buffer.tables_left -= 1
        if buffer.tables_left < 0:
            raise ModelError(f"a file of {len(buffer)} bytes with more tables than models have")
        super().__init__(buffer, position)
        self._vtable = position - struct.unpack_from("<i", buffer.data, position)[0]
        if self._vtable < 0:
            raise ModelError(f"the table at byte {position} has no description inside the file")
        self._vtable_size, self._size = struct.unpack_from("<HH", buffer.data, self._vtable)
        if max(self._vtable + self._vtable_size, position + self._size) > len(buffer):
            raise ModelError(f"the table at byte {position} goes beyond the end of the file")

    def Offset(self, vtable_offset: int) -> int:  # noqa: N802
        """Returns where a field is, from the start of the table; 0 if it is absent."""
        if vtable_offset + 2 > self._vtable_size:
            return 0
        offset: int = struct.unpack_from("<H", self.Bytes.data, self._vtable + vtable_offset)[0]
        if offset and offset >= self._size:
            raise ModelError(f"a field of the table at byte {self.Pos} lies outside it")
        return offset

    def String(self, offset: int) -> bytes:  # noqa: N802
        """Returns the string that the reference at ``offset`` leads to."""
        start = self.Indirect(offset)
        length = struct.unpack_from("<I", self.Bytes.data, start)[0]
        self.Bytes.spend(start + 4, length)
        return bytes(self.Bytes[start + 4 : start + 4 + length])

    def VectorLen(self, offset: int) -> int:  # noqa: N802
        """Returns the length of the vector that the field at ``offset`` refers to."""
        length: int = super().VectorLen(offset)
        self.Bytes.spend(self.Vector(offset), length)
        return length
