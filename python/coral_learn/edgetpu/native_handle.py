"""Running an interpreter that is known by the address of its C++ object, as pycoral does."""

import ctypes
import gc
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from .flat_data import FlatData, input_values
from .interpreter import run_despite_views
from .runtime import Interpreter

Handle: TypeAlias = int | Interpreter
"""``interpreter._native_handle()``, or the interpreter, which pycoral's documentation asks for."""

_known: WeakValueDictionary[int, Any] = WeakValueDictionary()


def invoke_with_membuffer(interpreter_handle: Handle, buffer: int, size: int) -> None:
    """Copies memory to the model's input tensor and runs the model.

    Args:
        interpreter_handle: ``interpreter._native_handle()``, or the interpreter.
        buffer: The address of the memory.
        size: The number of elements of the input tensor that the memory holds.

    Raises:
        RuntimeError: ``allocate_tensors()`` was not called, the model failed, or the memory is
            smaller than the input tensor.
        ValueError: No interpreter of this process has this handle, or the address is 0.
    """
    if not buffer:
        raise ValueError("buffer must be the address of memory, not 0")
    _invoke(interpreter_handle, (ctypes.c_void_p(buffer), size))


def invoke_with_bytes(interpreter_handle: Handle, input_data: bytes) -> None:
    """Copies bytes to the model's input tensor and runs the model.

    Args:
        interpreter_handle: ``interpreter._native_handle()``, or the interpreter.
        input_data: The bytes of the input tensor, and possibly more, which are left out.

    Raises:
        RuntimeError: As for :func:`invoke_with_membuffer`.
        ValueError: No interpreter of this process has this handle.
    """
    _invoke(interpreter_handle, input_data)


def invoke_with_dmabuffer(interpreter_handle: Handle, dma_fd: int, size: int) -> None:
    """Refuses to run a model on a dma-buf, which takes a library for one version of the runtime.

    Raises:
        RuntimeError: Always. pycoral's own ``run_inference``, and scripts like it, then map the
            buffer.
        ValueError: No interpreter of this process has this handle.
    """
    interpreter = interpreter_of(interpreter_handle)
    if not _is_ready(interpreter):
        run_despite_views(interpreter, {})  # raises, and says what to do first
    raise RuntimeError(
        "a dma-buf needs an Edge TPU on PCIe and a library that was compiled with the C++ code of "
        "this very runtime, which no package has: map the buffer and use run_inference"
    )


def supports_dmabuf(interpreter_handle: Handle) -> bool:
    """Returns whether :func:`invoke_with_dmabuffer` can be used, which is never so.

    Raises:
        ValueError: No interpreter of this process has this handle.
    """
    interpreter_of(interpreter_handle)
    return False


def interpreter_of(handle: Handle) -> Interpreter:
    """Returns the interpreter with a native handle.

    Raises:
        ValueError: No interpreter of this process has this handle.
    """
    if not isinstance(handle, int):
        return handle
    if handle not in _known:
        # The handle is an address, and the runtime has no way back from it.
        for each in gc.get_objects():
            if hasattr(type(each), "_native_handle") and each._native_handle() == handle:
                _known[handle] = each
    interpreter: Interpreter | None = _known.get(handle)
    if interpreter is None:
        raise ValueError(
            f"no interpreter of this process has the native handle {handle}: pass "
            "interpreter._native_handle() of one that still exists"
        )
    return interpreter


def _is_ready(interpreter: Interpreter) -> bool:
    try:
        interpreter.get_tensor(interpreter.get_input_details()[0]["index"])
    except ValueError:  # the tensors are not allocated
        return False
    return True


def _invoke(handle: Handle, data: FlatData) -> None:
    interpreter = interpreter_of(handle)
    try:
        values = input_values(interpreter, data)
    except ValueError as error:
        raise RuntimeError(str(error)) from error
    run_despite_views(interpreter, values)
