"""Edge TPUs and interpreters.

``invoke_with_bytes`` and pycoral's other functions that take an interpreter's native handle are
missing, because they need a library that was compiled against one version of the runtime.
"""

import ctypes
import operator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...edgetpu.delegate import load_edgetpu_delegate
from ...edgetpu.devices import list_edge_tpus
from ...edgetpu.interpreter import make_interpreter
from ...edgetpu.library import get_runtime_version, open_library
from ...edgetpu.problem import Problem
from ...edgetpu.runtime import Interpreter

__all__ = [
    "get_runtime_version",
    "list_edge_tpus",
    "load_edgetpu_delegate",
    "make_interpreter",
    "run_inference",
    "set_verbosity",
]


FlatData: TypeAlias = NDArray[Any] | bytes | tuple[ctypes.c_void_p, int]
"""The elements of a tensor: a 1-D array, bytes, or a pointer and the number of elements."""


def run_inference(interpreter: Interpreter, input_data: FlatData) -> None:
    """Copies flat data to the model's input tensor and runs the model.

    Args:
        interpreter: The interpreter, with its tensors allocated.
        input_data: All elements of the input tensor in its own dtype: a 1-D array, bytes, or a
            tuple of a ``ctypes.c_void_p`` and the number of elements.

    Raises:
        ValueError: The data has more or fewer elements than the input tensor.
        TypeError: The data has another type.
    """
    details = interpreter.get_input_details()[0]
    shape, dtype = details["shape"], np.dtype(details["dtype"])
    elements = _flat_elements(input_data, dtype)
    expected = int(np.prod(shape))
    if len(elements) != expected:
        raise ValueError(f"input size={len(elements)}, expected={expected}.")
    interpreter.set_tensor(details["index"], elements.reshape(shape))
    interpreter.invoke()


def set_verbosity(verbosity: int) -> bool:
    """Sets how much libedgetpu writes to its log, from 0 (the default) to 10.

    Returns:
        Whether there is a libedgetpu that has this setting.
    """
    level = operator.index(verbosity)
    library = open_library()
    if isinstance(library, Problem) or not hasattr(library, "edgetpu_verbosity"):
        return False
    library.edgetpu_verbosity.argtypes = [ctypes.c_int]
    library.edgetpu_verbosity.restype = None
    library.edgetpu_verbosity(level)
    return True


def _flat_elements(data: object, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Returns ``data`` as a 1-D array of ``dtype``."""
    match data:
        case bytes():
            raw = data
        case np.ndarray():
            raw = np.ascontiguousarray(data).tobytes()
        case (ctypes.c_void_p() as pointer, int() as size) if pointer.value:
            raw = ctypes.string_at(pointer.value, size * dtype.itemsize)
        case _:
            raise TypeError("input data type is not supported.")
    return np.frombuffer(raw, dtype)
