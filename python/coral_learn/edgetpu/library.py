"""libedgetpu, the shared library that drives Edge TPUs: found, opened and explained.

The library is opened with ctypes before an interpreter sees it, because the system's loader and
the interpreter's ``load_delegate`` give the same few words for very different troubles.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import EdgeTpuError

LIBRARY_VARIABLE = "CORAL_LEARN_EDGETPU_LIBRARY"
"""The environment variable with the path of a libedgetpu to use in place of the system's."""

_DEFAULT_NAME = "libedgetpu.1.dylib" if sys.platform == "darwin" else "libedgetpu.so.1"
_CREATE_DELEGATE = "tflite_plugin_create_delegate"
_DEVICE_TYPES = {0: "pci", 1: "usb"}
_CPU_NAMES = {3: "32-bit x86", 40: "32-bit ARM", 62: "x86-64", 183: "64-bit ARM", 243: "RISC-V"}
_INSTALL = (
    "install a libedgetpu for this machine that was built against TensorFlow 2.17 or later "
    "(github.com/feranick/libedgetpu/releases); models that are not compiled for the Edge TPU run "
    "on the CPU without it"
)


class Problem(NamedTuple):
    """Something that is wrong with the setup, and what to do about it, in one clause each."""

    what: str
    fix: str

    def error(self) -> EdgeTpuError:
        """Returns the problem as an exception."""
        return EdgeTpuError(f"{self.what}: {self.fix}")


class Device(NamedTuple):
    """An Edge TPU as libedgetpu lists it: "usb" or "pci", and its path in /sys or /dev."""

    type: str
    path: str


class _CDevice(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))


def library_name() -> str:
    """Returns the path or the name that libedgetpu is opened by."""
    return os.environ.get(LIBRARY_VARIABLE) or _DEFAULT_NAME


def open_library() -> ctypes.CDLL | Problem:
    """Opens libedgetpu, or says why it cannot be used."""
    name = library_name()
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        return _explain_load_failure(name, str(error))
    if not hasattr(library, _CREATE_DELEGATE):
        return Problem(
            f"{library_path(library)} is not an Edge TPU library: it has no {_CREATE_DELEGATE}",
            _INSTALL,
        )
    return library


def library_path(library: ctypes.CDLL) -> str:
    """Returns the file that an open library came from, or its name where that is unknown."""
    info = _DlInfo()
    function = getattr(library, _CREATE_DELEGATE, None) or getattr(library, "edgetpu_version", None)
    if function is None or not _dladdr(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(info)):
        return str(library._name)
    return str(Path(os.fsdecode(info.dli_fname)).absolute())


def list_devices(library: ctypes.CDLL) -> list[Device]:
    """Lists the Edge TPUs that libedgetpu sees, in its order; those in use are among them."""
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


def library_version(library: ctypes.CDLL) -> str:
    """Returns what libedgetpu says of itself, such as "BuildLabel(...), RuntimeVersion(14)"."""
    try:
        version = library.edgetpu_version
    except AttributeError:
        return "unknown version"
    version.argtypes = []
    version.restype = ctypes.c_char_p
    return (version() or b"unknown version").decode(errors="replace")


def unfit_library(library: str, runtime: str, seen: str) -> Problem:
    """Returns the problem of a libedgetpu that does not fit the runtime.

    Args:
        library: The path or name of libedgetpu.
        runtime: The name and version of the runtime.
        seen: What happened, such as "crashed with SIGSEGV".
    """
    return Problem(
        f"{library} does not fit {runtime} ({seen}); Google's own of 2021 is too old", _INSTALL
    )


def _explain_load_failure(name: str, reason: str) -> Problem:
    """Tells the causes apart that the loader reports in one kind of error."""
    file = _find_file(name)
    if file is not None and (found := _foreign_cpu(file)):
        return Problem(f"{file} was built for another kind of CPU ({found})", _INSTALL)
    if "incompatible architecture" in reason:  # macOS
        return Problem(f"{name} was built for another kind of CPU ({reason})", _INSTALL)
    missing = _missing_dependency(name, reason)
    if missing is not None:
        return Problem(f"{name} needs {missing}, which is not installed", _install_advice(missing))
    if "' not found (required by" in reason:  # a symbol version, such as GLIBC_2.34
        return Problem(f"{name} was built for a newer system ({reason})", _INSTALL)
    if file is None:
        return Problem(f"the Edge TPU library {name} is not installed", _INSTALL)
    return Problem(f"the Edge TPU library {file} cannot be loaded ({reason})", _INSTALL)


def _missing_dependency(name: str, reason: str) -> str | None:
    """Returns the library that ``name`` needs and the loader did not find."""
    if "Library not loaded: " in reason:  # macOS
        return Path(reason.split("Library not loaded: ", 1)[1].split()[0].strip("'")).name
    subject, separator, _ = reason.partition(": cannot open shared object file")
    return subject if separator and Path(subject).name != Path(name).name else None


def _install_advice(dependency: str) -> str:
    if not dependency.startswith("libusb"):
        return f"install the package that provides {dependency}"
    if sys.platform == "darwin":
        return "install it with `brew install libusb`"
    return "install it with `sudo apt install libusb-1.0-0`, or your system's package of libusb 1.0"


def _find_file(name: str) -> Path | None:
    """Returns the file of a library that the loader would not open, wherever it lies."""
    if os.sep in name:
        return Path(name) if Path(name).is_file() else None
    return next((folder / name for folder in _folders() if (folder / name).is_file()), None)


def _folders() -> Iterator[Path]:
    """Yields the folders where libraries lie, those of other CPUs included."""
    variable = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
    yield from (Path(folder) for folder in os.environ.get(variable, "").split(":") if folder)
    for parent in map(Path, ("/usr/local/lib", "/usr/lib", "/lib", "/usr/lib64", "/lib64")):
        yield parent
        yield from sorted(parent.glob("*-linux-*"))


def _foreign_cpu(file: Path) -> str | None:
    """Returns the CPU that an ELF library was built for, unless it is the one running Python."""
    own, other = _elf_cpu(Path("/proc/self/exe")), _elf_cpu(file)
    if own is None or other is None or own == other:
        return None
    _, machine = other
    return _CPU_NAMES.get(machine, f"ELF machine {machine}")


def _elf_cpu(file: Path) -> tuple[int, int] | None:
    """Returns the word size class and the machine number in an ELF file's header."""
    try:
        with file.open("rb") as stream:
            header = stream.read(20)
    except OSError:
        return None
    if len(header) < 20 or not header.startswith(b"\x7fELF"):
        return None
    (machine,) = struct.unpack_from(">H" if header[5] == 2 else "<H", header, 18)
    return header[4], machine


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
