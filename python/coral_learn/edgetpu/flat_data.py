"""The values of an input tensor, from the kinds of data that scripts pass to run a model."""

import ctypes
import sys
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .runtime import Interpreter

_MAP_READ = 1  # GST_MAP_READ


class GstBuffer(Protocol):
    """GStreamer's ``Gst.Buffer``, known by its methods, so that nothing imports GStreamer.

    An object that has ``map`` and ``unmap`` instead, such as a ``Gst.Memory``, will do as well.
    """

    def get_size(self) -> int:
        """Returns the number of bytes."""

    def extract_dup(self, offset: int, size: int) -> bytes:
        """Returns a copy of some of the bytes."""


FlatData: TypeAlias = (
    NDArray[Any] | bytes | bytearray | memoryview | tuple[ctypes.c_void_p, int] | GstBuffer
)
"""The elements of a tensor: an array, bytes, a pointer and the number of elements, or GStreamer's
``Gst.Buffer``. Bytes are taken as they are, without conversion to the tensor's dtype."""


def input_values(interpreter: Interpreter, data: FlatData) -> dict[int, NDArray[Any]]:
    """Returns the values of a model's first input, by the index of the tensor.

    Args:
        interpreter: The interpreter.
        data: The elements of the tensor, and possibly more, which are left out: a camera's buffers
            are longer than the image.

    Raises:
        ValueError: There are too few elements, or an array has a dtype of another size.
        TypeError: The data has another type.
    """
    details = interpreter.get_input_details()[0]
    elements = flat_elements(data, np.dtype(details["dtype"]))
    expected = int(np.prod(details["shape"]))
    if len(elements) < expected:
        raise ValueError(f"input size={len(elements)}, expected={expected}.")
    return {details["index"]: elements[:expected].reshape(details["shape"])}


def flat_elements(data: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Returns data as a 1-D array of a dtype; see :func:`input_values`."""
    match data:
        case bytes() | bytearray() | memoryview():
            raw = bytes(data)
        case np.ndarray():
            if data.dtype.itemsize != dtype.itemsize:
                raise ValueError(
                    f"the input is an array of {data.dtype}, but the model takes {dtype}: pass "
                    f"array.astype(numpy.{dtype})"
                )
            return np.ascontiguousarray(data).reshape(-1).view(dtype)
        case (ctypes.c_void_p() as pointer, int() as size) if pointer.value:
            raw = ctypes.string_at(pointer.value, size * dtype.itemsize)
        case _ if hasattr(data, "extract_dup") and hasattr(data, "get_size"):
            raw = data.extract_dup(0, data.get_size())
        case _ if hasattr(data, "map") and hasattr(data, "unmap"):
            raw = _mapped(data)
        case _:
            raise TypeError("input data type is not supported.")
    return np.frombuffer(raw, dtype, len(raw) // dtype.itemsize)


def _mapped(memory: Any) -> bytes:
    """Returns a copy of memory that GStreamer manages."""
    flags = getattr(sys.modules.get("gi.repository.Gst"), "MapFlags", None)
    success, info = memory.map(_MAP_READ if flags is None else flags.READ)
    if not success:
        raise RuntimeError("GStreamer could not map the memory")
    try:
        return bytes(info.data)
    finally:
        memory.unmap(info)
