"""Building libedgetpu.c, intact or broken in one of the ways that users encounter."""

import os
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("libedgetpu.c")
NAME = "libedgetpu.so.1"

_ELF_MACHINE_OFFSET = 18
_UNKNOWN_ELF_MACHINE = b"\xfe\xca"


def compiler() -> str | None:
    """Returns the C compiler: the one that CC names, or else the system's."""
    return shutil.which(os.environ.get("CC", "cc"))


def build(folder: Path, *options: str, source: Path = SOURCE, name: str = NAME) -> Path:
    """Builds ``folder/name``.

    The library has no SONAME, because a process would reuse the first library with that name, and
    tests load several.
    """
    path = folder / name
    command = compiler()
    assert command is not None, "no C compiler is installed"
    flags = ["-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra"]
    subprocess.run([command, *flags, source, "-o", path, *options], check=True)
    return path


def build_with_missing_dependency(folder: Path, dependency: str) -> Path:
    """Builds the library with a dependency that is missing."""
    empty = folder / "empty.c"
    empty.write_text("int empty;\n")
    needed = build(folder, f"-Wl,-soname,{dependency}", source=empty, name=dependency)
    library = build(folder, "-Wl,--no-as-needed", str(needed))
    needed.unlink()
    return library


def build_for_another_cpu(folder: Path) -> Path:
    """Builds the library and marks it as built for another CPU."""
    library = build(folder)
    content = bytearray(library.read_bytes())
    content[_ELF_MACHINE_OFFSET : _ELF_MACHINE_OFFSET + 2] = _UNKNOWN_ELF_MACHINE
    library.write_bytes(content)
    return library
