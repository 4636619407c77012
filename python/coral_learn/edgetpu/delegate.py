"""Opening an Edge TPU for the interpreter."""

from collections.abc import Mapping
from dataclasses import replace

from ..errors import DelegateError, LibraryError
from .device_problems import explain_no_device
from .devices import check_device
from .library import library_name, list_devices, open_library
from .problem import Problem
from .runtime import Delegate, runtime_module


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
