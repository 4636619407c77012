"""libedgetpu, the shared library that drives Edge TPUs: how it is opened and what it reports.

The library is opened with ctypes before an interpreter sees it, because ``load_delegate`` reports
very different problems in the same few words.
"""

import ctypes
import operator
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import LibraryError
from .library_problems import explain_load_failure, not_an_edge_tpu_library
from .problem import Problem

LIBRARY_VARIABLE = "CORAL_LEARN_EDGETPU_LIBRARY"
"""The environment variable with the path of a libedgetpu to use instead of the system's."""

_DEFAULT_NAMES = {"darwin": "libedgetpu.1.dylib", "win32": "edgetpu.dll"}
_CREATE_DELEGATE = "tflite_plugin_create_delegate"
_DEVICE_TYPES = {0: "pci", 1: "usb"}


@dataclass(frozen=True)
class Device:
    """An Edge TPU as libedgetpu lists it.

    Attributes:
        type: "usb" or "pci".
        path: The path of the device in /sys (USB) or /dev (PCIe).

    Examples:
        >>> from coral_learn import edgetpu
        >>> edgetpu.Device(type="usb", path="/sys/bus/usb/devices/2-1")
        Device(type='usb', path='/sys/bus/usb/devices/2-1')
    """

    type: str
    path: str


def library_name() -> str:
    """Returns the path or the name by which libedgetpu is opened."""
    return os.environ.get(LIBRARY_VARIABLE) or _DEFAULT_NAMES.get(sys.platform, "libedgetpu.so.1")


def open_library() -> ctypes.CDLL | Problem:
    """Opens libedgetpu, or returns the reason why it cannot be used."""
    name = library_name()
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        return explain_load_failure(name, str(error))
    if not hasattr(library, _CREATE_DELEGATE):
        return not_an_edge_tpu_library(library_path(library), _CREATE_DELEGATE)
    return library


def get_runtime_version() -> str:
    """Returns the version that libedgetpu reports: "BuildLabel(...), RuntimeVersion(14)".

    Raises:
        LibraryError: libedgetpu cannot be used. The message says why and what to do.

    Examples:
        >>> from coral_learn import edgetpu
        >>> edgetpu.get_runtime_version()  # doctest: +SKIP
        'BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted), RuntimeVersion(14)'
    """
    library = open_library()
    if isinstance(library, Problem):
        raise library.error(LibraryError)
    return library_version(library)


def library_version(library: ctypes.CDLL) -> str:
    """Returns the version that an open libedgetpu reports; see :func:`get_runtime_version`."""
    try:
        version = library.edgetpu_version
    except AttributeError:
        return "unknown version"
    version.argtypes = []
    version.restype = ctypes.c_char_p
    return (version() or b"unknown version").decode(errors="replace")


def set_verbosity(verbosity: int) -> bool:
    """Sets how much libedgetpu writes to its log, from 0 (the default) to 10.

    Returns:
        Whether there is a libedgetpu. One without this setting is left as it is.
    """
    level = operator.index(verbosity)
    library = open_library()
    if isinstance(library, Problem):
        return False
    if hasattr(library, "edgetpu_verbosity"):
        library.edgetpu_verbosity.argtypes = [ctypes.c_int]
        library.edgetpu_verbosity.restype = None
        library.edgetpu_verbosity(level)
    return True


def library_path(library: ctypes.CDLL) -> str:
    """Returns the file of an open library, or the library's name if its file is unknown."""
    if os.name == "nt":  # Windows has no dladdr
        return str(library._name)
    info = _DlInfo()
    function = getattr(library, _CREATE_DELEGATE, None) or getattr(library, "edgetpu_version", None)
    if function is None or not _dladdr(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(info)):
        return str(library._name)
    return str(Path(os.fsdecode(info.dli_fname)).absolute())


def list_devices(library: ctypes.CDLL) -> list[Device]:
    """Lists the Edge TPUs that libedgetpu finds, in its order, including those in use."""
    try:
        enumerate_devices = library.edgetpu_list_devices
        free_devices = library.edgetpu_free_devices
    except AttributeError:
        return []
    enumerate_devices.argtypes = [ctypes.POINTER(ctypes.c_size_t)]
    enumerate_devices.restype = ctypes.POINTER(_CDevice)
    free_devices.argtypes = [ctypes.POINTER(_CDevice)]
    free_devices.restype = None
    count = ctypes.c_size_t()
    found = enumerate_devices(ctypes.byref(count))
    if not found:
        return []
    try:
        return [
            Device(_DEVICE_TYPES.get(device.type, "unknown"), os.fsdecode(device.path))
            for device in found[: count.value]
        ]
    finally:
        free_devices(found)


class _CDevice(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))


class _DlInfo(ctypes.Structure):
    _fields_ = (
        ("dli_fname", ctypes.c_char_p),
        ("dli_fbase", ctypes.c_void_p),
        ("dli_sname", ctypes.c_char_p),
        ("dli_saddr", ctypes.c_void_p),
    )


def _dladdr(address: ctypes.c_void_p, info: "ctypes._CArgObject") -> int:
    function = ctypes.CDLL(None).dladdr
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    function.restype = ctypes.c_int
    return int(function(address, info))
