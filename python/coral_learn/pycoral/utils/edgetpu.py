"""Edge TPUs and interpreters.

pycoral's functions that take an interpreter's native handle, ``invoke_with_bytes`` and its kind,
are not here: they need a library compiled against one version of the runtime.
"""

import ctypes
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...edgetpu.interpreter import (
    get_runtime_version,
    list_edge_tpus,
    load_edgetpu_delegate,
    make_interpreter,
)
from ...edgetpu.library import Problem, open_library
from ...edgetpu.runtime import Interpreter

__all__ = [
    "get_runtime_version",
    "list_edge_tpus",
    "load_edgetpu_delegate",
    "make_interpreter",
    "run_inference",
    "set_verbosity",
]


def run_inference(interpreter: Interpreter, input_data: Any) -> None:
    """Sets the model's input from flat data and runs it.

    Args:
        interpreter: The interpreter, with its tensors allocated.
        input_data: As many elements of the input tensor's dtype as it has: a 1-D array, bytes, or
            the tuple of a ``ctypes.c_void_p`` and the number of elements.

    Raises:
        ValueError: The data is too long or too short.
        TypeError: The data is of another kind.
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
        Whether there is a libedgetpu that took the setting.
    """
    level = operator.index(verbosity)
    library = open_library()
    if isinstance(library, Problem) or not hasattr(library, "edgetpu_verbosity"):
        return False
    library.edgetpu_verbosity.argtypes = [ctypes.c_int]
    library.edgetpu_verbosity.restype = None
    library.edgetpu_verbosity(level)
    return True


def _flat_elements(data: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    match data:
        case bytes():
            raw: Any = data
        case np.ndarray():
            raw = np.ascontiguousarray(data).tobytes()
        case (ctypes.c_void_p() as pointer, int() as size) if pointer.value:
            raw = ctypes.string_at(pointer.value, size * dtype.itemsize)
        case _:
            raise TypeError("input data type is not supported.")
    return np.frombuffer(raw, dtype)
