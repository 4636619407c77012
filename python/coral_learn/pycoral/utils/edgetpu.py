"""Edge TPUs and interpreters."""

import os
import sys
from collections.abc import Mapping
from types import ModuleType

from ...edgetpu import delegate as opening
from ...edgetpu import interpreter as making
from ...edgetpu.devices import list_edge_tpus
from ...edgetpu.flat_data import FlatData, input_values
from ...edgetpu.library import LIBRARY_VARIABLE, get_runtime_version, library_name, set_verbosity
from ...edgetpu.native_handle import (
    invoke_with_bytes,
    invoke_with_dmabuffer,
    invoke_with_membuffer,
    supports_dmabuf,
)
from ...edgetpu.runtime import Delegate, Interpreter
from ...errors import EdgeTpuError, ModelError
from ...tflite.file import ModelSource

__all__ = [
    "get_runtime_version",
    "invoke_with_bytes",
    "invoke_with_dmabuffer",
    "invoke_with_membuffer",
    "list_edge_tpus",
    "load_edgetpu_delegate",
    "make_interpreter",
    "run_inference",
    "set_verbosity",
    "supports_dmabuf",
]

_EDGETPU_SHARED_LIB: str  # a property, see below


def load_edgetpu_delegate(options: Mapping[str, object] | None = None) -> Delegate:
    """Opens an Edge TPU; see :func:`coral_learn.edgetpu.load_edgetpu_delegate`.

    Args:
        options: The options of libedgetpu; ``{"device": "usb:1"}`` chooses the device.

    Raises:
        ValueError: There is no such device, or it cannot be opened (a DelegateError).
        OSError: libedgetpu cannot be opened (a LibraryError).
    """
    try:
        return opening.load_edgetpu_delegate(options)
    except ValueError as error:
        failure = _failed_to_load(error)
    raise failure  # outside the handler: a chained traceback would keep the delegate alive


def make_interpreter(
    model_path_or_content: ModelSource,
    device: str | None = None,
    delegate: Delegate | None = None,
) -> Interpreter:
    """Makes an interpreter, on the Edge TPU if the model was compiled for it, or else on the CPU.

    Views of its tensors may be in use while it runs, as after :func:`run_inference`; they show the
    new values afterwards. See :func:`coral_learn.edgetpu.make_interpreter` for everything else.

    Args:
        model_path_or_content: The path of a ``.tflite`` file, or its bytes.
        device: ``:<n>``, ``usb``, ``usb:<n>``, ``pci`` or ``pci:<n>``; None for any Edge TPU.
        delegate: A delegate from :func:`load_edgetpu_delegate`; ``device`` is then ignored.

    Raises:
        ValueError: The file or the device cannot be used (a ModelError or a DelegateError).
        OSError: The model needs libedgetpu, which cannot be opened (a LibraryError).
    """
    failure: ValueError
    try:
        interpreter = making.make_interpreter(model_path_or_content, device, delegate)
    except ModelError as error:
        cause = error.__cause__
        if not isinstance(cause, OSError):
            raise
        failure = ModelError(f"Could not open '{cause.filename}'. {cause.strerror}")
    except ValueError as error:
        failure = _failed_to_load(error)
    else:
        interpreter.allows_views = True  # type: ignore[attr-defined] # of this package's class
        return interpreter
    raise failure


def run_inference(interpreter: Interpreter, input_data: FlatData) -> None:
    """Copies flat data to the model's input tensor and runs the model.

    Args:
        interpreter: The interpreter, with its tensors allocated.
        input_data: All elements of the input tensor in its own dtype, and possibly more, which are
            left out: an array, bytes, a tuple of a ``ctypes.c_void_p`` and the number of elements,
            or GStreamer's ``Gst.Buffer``.

    Raises:
        ValueError: The data has fewer elements than the input tensor, or an array has a dtype of
            another size.
        TypeError: The data has another type.
        RuntimeError: ``allocate_tensors()`` was not called, or the model failed.
    """
    making.run_despite_views(interpreter, input_values(interpreter, input_data))


def _failed_to_load(error: ValueError) -> ValueError:
    """Returns an error of the same kind that begins with the words of the runtimes."""
    text = f"Failed to load delegate from {library_name()}: {error}"
    return type(error)(text) if isinstance(error, EdgeTpuError) else ValueError(text)


class _Module(ModuleType):
    """This module, in which scripts set the name of libedgetpu by a private variable."""

    @property
    def _EDGETPU_SHARED_LIB(self) -> str:  # noqa: N802 (pycoral's name)
        return library_name()

    @_EDGETPU_SHARED_LIB.setter
    def _EDGETPU_SHARED_LIB(self, name: str) -> None:  # noqa: N802
        os.environ[LIBRARY_VARIABLE] = name


sys.modules[__name__].__class__ = _Module
