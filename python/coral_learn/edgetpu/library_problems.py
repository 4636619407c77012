"""What can be wrong with a libedgetpu, and how to fix it.

The system's loader has one kind of error for a missing file, a missing dependency and a library for
another CPU; these functions distinguish them.
"""

import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from .problem import Problem

_INSTALL = (
    "install a libedgetpu for this machine that was built against TensorFlow 2.17 or later "
    "(github.com/feranick/libedgetpu/releases); models that are not compiled for the Edge TPU run "
    "on the CPU without it"
)
_CPU_NAMES = {3: "32-bit x86", 40: "32-bit ARM", 62: "x86-64", 183: "64-bit ARM", 243: "RISC-V"}
"""CPUs by the machine number in the header of an ELF file."""


def incompatible_library(library: str, runtime: str, symptom: str) -> Problem:
    """Describes a libedgetpu that does not work with the runtime.

    Args:
        library: The path or name of libedgetpu.
        runtime: The name and version of the runtime.
        symptom: What happened: "crashed with SIGSEGV".
    """
    return Problem(
        f"{library} is not compatible with {runtime} ({symptom}); Google's release of 2021 is too "
        "old",
        _INSTALL,
    )


def not_an_edge_tpu_library(path: str, missing_function: str) -> Problem:
    """Describes a library that can be opened, but lacks a function that libedgetpu has."""
    return Problem(f"{path} is not an Edge TPU library: it has no {missing_function}", _INSTALL)


def explain_load_failure(name: str, reason: str) -> Problem:
    """Describes a library that cannot be opened.

    Args:
        name: The path or the name of the library.
        reason: The message of the system's loader.
    """
    file = _find_file(name)
    if file is not None and (cpu := _foreign_cpu(file)):
        return Problem(f"{file} was built for another kind of CPU ({cpu})", _INSTALL)
    if "incompatible architecture" in reason:  # macOS
        return Problem(f"{name} was built for another kind of CPU ({reason})", _INSTALL)
    missing = _missing_dependency(name, reason)
    if missing is not None:
        return Problem(f"{name} needs {missing}, which is not installed", _install_advice(missing))
    if "' not found (required by" in reason:  # a symbol version: GLIBC_2.34
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
    apt = "`sudo apt install libusb-1.0-0`, or your system's package of libusb 1.0"
    return f"install it with {'`brew install libusb`' if sys.platform == 'darwin' else apt}"


def _find_file(name: str) -> Path | None:
    """Returns the file of a library that the loader refused."""
    if Path(name).name != name:
        return Path(name) if Path(name).is_file() else None
    return next((folder / name for folder in _folders() if (folder / name).is_file()), None)


def _folders() -> Iterator[Path]:
    """Yields the folders that hold shared libraries, including those for other CPUs."""
    variable = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
    yield from (Path(folder) for folder in os.environ.get(variable, "").split(os.pathsep) if folder)
    for parent in map(Path, ("/usr/local/lib", "/usr/lib", "/lib", "/usr/lib64", "/lib64")):
        yield parent
        yield from sorted(parent.glob("*-linux-*"))


def _foreign_cpu(file: Path) -> str | None:
    """Returns the CPU that an ELF library was built for, unless it is the CPU of this Python."""
    own, other = _elf_cpu(Path("/proc/self/exe")), _elf_cpu(file)
    if own is None or other is None or own == other:
        return None
    _, machine = other
    return _CPU_NAMES.get(machine, f"ELF machine {machine}")


def _elf_cpu(file: Path) -> tuple[int, int] | None:
    """Returns the word size class and the machine number from the header of an ELF file."""
    try:
        with file.open("rb") as stream:
            header = stream.read(20)
    except OSError:
        return None
    if len(header) < 20 or not header.startswith(b"\x7fELF"):
        return None
    (machine,) = struct.unpack_from(">H" if header[5] == 2 else "<H", header, 18)
    return header[4], machine
