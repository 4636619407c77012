"""Opening an Edge TPU for the interpreter."""

from collections.abc import Mapping
from dataclasses import replace

from ..errors import DelegateError, LibraryError
from ..tflite.file import ModelFile
from .device_problems import explain_no_device
from .devices import check_device
from .library import library_name, library_path, list_devices, open_library
from .library_problems import incompatible_library
from .probe import Outcome, probe_once
from .problem import Problem
from .runtime import Delegate, runtime_module, runtime_name


def load_edgetpu_delegate(options: Mapping[str, object] | None = None) -> Delegate:
    """Opens an Edge TPU.

    Args:
        options: The options of libedgetpu; ``{"device": "usb:1"}`` chooses the device.

    Returns:
        The runtime's delegate. It closes the device when its last reference is gone.

    Raises:
        ValueError: The device string is invalid.
        DelegateError: The device cannot be opened, or (LibraryError) libedgetpu cannot. The message
            says why and what to do.

    Examples:
        >>> from coral_learn import edgetpu
        >>> delegate = edgetpu.load_edgetpu_delegate({"device": "usb"})  # doctest: +SKIP
        >>> edgetpu.make_interpreter("model_edgetpu.tflite", delegate=delegate)  # doctest: +SKIP
    """
    options = dict(options or {})
    device = str(options.get("device") or "") or None
    if device is not None:
        check_device(device)
    # ctypes first: if load_delegate cannot open a library, it also prints an ignored exception.
    library = open_library()
    if isinstance(library, Problem):
        raise library.error(LibraryError)
    try:
        delegate: Delegate = runtime_module().load_delegate(library_name(), options)
        return delegate
    except ValueError as error:
        reason = str(error).partition("\n")[2].strip()
    # Raised outside the handler: a chained traceback would keep the delegate alive.
    problem = explain_no_device(device, list_devices(library))
    if reason:
        problem = replace(problem, what=f"{problem.what} ({reason})")
    raise problem.error(DelegateError)


def open_for_model(model: ModelFile, device: str | None) -> Delegate:
    """Opens the Edge TPU for a compiled model, with a libedgetpu that does not crash on it.

    Args:
        model: The model.
        device: A device string; None for any Edge TPU.

    Raises:
        DelegateError: libedgetpu is not compatible with the runtime, or no device can be opened.
    """
    _refuse_incompatible_library(model, device)
    return load_edgetpu_delegate({} if device is None else {"device": device})


def _refuse_incompatible_library(model: ModelFile, device: str | None) -> None:
    """Rejects a libedgetpu that would crash this process. Other problems do not cause a crash."""
    library = open_library()
    if isinstance(library, Problem):
        return
    result = probe_once(library_path(library), runtime_module().__name__, model.content, device)
    if result.outcome is Outcome.INCOMPATIBLE:
        raise incompatible_library(library_path(library), runtime_name(), result.detail).error(
            DelegateError
        )
