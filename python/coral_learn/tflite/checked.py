"""Bounds-checked reading of flatbuffers, for files from untrusted sources.

The generated code of a schema trusts its input: a count or an offset in a damaged file makes it
read far outside the buffer, or loop for hours. It reads through one class,
``flatbuffers.table.Table``, and :class:`CheckedTable` takes the place of that class.
"""

import functools
import struct
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

# Models of a few megabytes have a few thousand tables and strings, most of which are read twice;
# large models have less than one in a thousand bytes. Reading 30,000 takes under half a second.
_MAX_ITEMS_IN_SMALL_FILES = 30_000
_MIN_BYTES_PER_ITEM = 1000
# A writer may share equal strings and vectors. A file that shares everything many times is designed
# to fill the memory.
_MAX_READS_PER_BYTE = 1.25
_MIN_READ_BUDGET = 1 << 20

_INT32 = struct.Struct("<i").unpack_from
_UINT32 = struct.Struct("<I").unpack_from
_UINT16 = struct.Struct("<H").unpack_from
_TWO_UINT16 = struct.Struct("<HH").unpack_from


class CheckedBuffer:
    """The bytes of a flatbuffer, not copied, and the number of reads that are still allowed."""

    def __init__(self, content: bytes | NDArray[np.uint8]) -> None:
        self.content: memoryview = np.frombuffer(content, np.uint8).data.toreadonly()
        self.size = len(content)
        self._items_left = _MAX_ITEMS_IN_SMALL_FILES + len(content) // _MIN_BYTES_PER_ITEM
        self._bytes_left = _MIN_READ_BUDGET + int(_MAX_READS_PER_BYTE * len(content))

    def spend_items(self, count: int) -> None:
        """Counts objects that are read, and stops if there are more than any model has.

        Raises:
            ModelError: There are too many.
        """
        self._items_left -= count
        if self._items_left < 0:
            raise ModelError(f"it has more tables than any model of {self.size} bytes needs")

    def spend_bytes(self, start: int, length: int) -> None:
        """Checks that a span lies inside the file, and that spans are not read again and again.

        Raises:
            ModelError: The span ends outside the file, or more is read in total than any file
                of this size needs.
        """
        self._bytes_left -= length
        if start + length > self.size or self._bytes_left < 0:
            raise ModelError(f"{length} bytes at byte {start} are more than the file holds")


class CheckedTable(flatbuffers.table.Table):  # type: ignore[misc]
    """A flatbuffer table whose position, fields, strings and vectors lie inside the buffer."""

    Bytes: CheckedBuffer
    Pos: int

    __slots__ = ("_size", "_vtable", "_vtable_size")

    def __init__(self, buffer: CheckedBuffer, position: int) -> None:
        buffer.spend_items(1)
        self.Bytes = buffer  # type: ignore[misc] # slots of the base class
        self.Pos = position  # type: ignore[misc]
        self._vtable = position - _INT32(buffer.content, position)[0]
        if self._vtable < 0:
            raise ModelError(f"the table at byte {position} has its field list outside the file")
        self._vtable_size, self._size = _TWO_UINT16(buffer.content, self._vtable)
        if max(self._vtable + self._vtable_size, position + self._size) > buffer.size:
            raise ModelError(f"the table at byte {position} ends outside the file")

    def Offset(self, vtable_offset: int) -> int:  # noqa: N802
        """Returns the offset of a field from the start of the table; 0 if the field is absent."""
        if vtable_offset + 2 > self._vtable_size:
            return 0
        offset: int = _UINT16(self.Bytes.content, self._vtable + vtable_offset)[0]
        if offset and offset >= self._size:
            raise ModelError(f"a field of the table at byte {self.Pos} lies outside it")
        return offset

    def Get(self, flags: Any, offset: int) -> Any:  # noqa: N802
        """Returns the number at ``offset``."""
        return flags.py_type(flags.packer_type.unpack_from(self.Bytes.content, offset)[0])

    def Indirect(self, offset: int) -> int:  # noqa: N802
        """Returns the position that the reference at ``offset`` points to."""
        target: int = offset + _UINT32(self.Bytes.content, offset)[0]
        return target

    def String(self, offset: int) -> bytes:  # noqa: N802
        """Returns the string that the reference at ``offset`` points to."""
        start = self.Indirect(offset)
        length = _UINT32(self.Bytes.content, start)[0]
        self.Bytes.spend_items(1)
        self.Bytes.spend_bytes(start + 4, length)
        return bytes(self.Bytes.content[start + 4 : start + 4 + length])

    def Vector(self, offset: int) -> int:  # noqa: N802
        """Returns the position of the first element of the vector that a field refers to."""
        return self.Indirect(self.Pos + offset) + 4

    def VectorLen(self, offset: int) -> int:  # noqa: N802
        """Returns the length of the vector that the field at ``offset`` refers to."""
        start = self.Vector(offset)
        length: int = _UINT32(self.Bytes.content, start - 4)[0]
        self.Bytes.spend_bytes(start, length)
        return length

    def GetVectorAsNumpy(self, flags: Any, offset: int) -> NDArray[Any]:  # noqa: N802
        """Returns a view of the numbers in the vector that the field at ``offset`` refers to."""
        start = self.Vector(offset)
        length = _UINT32(self.Bytes.content, start - 4)[0]
        self.Bytes.spend_bytes(start, length * flags.bytewidth)
        return np.frombuffer(self.Bytes.content, _dtype(flags), length, start)


@functools.cache
def _dtype(flags: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = flatbuffers.number_types.to_numpy_type(flags)
    return dtype
