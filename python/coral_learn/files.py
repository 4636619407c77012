"""Writing files whole or not at all."""

import errno
import fcntl
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_SUFFIX = r"\.[0-9a-f]{16}"


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes ``data`` to ``path`` so that a reader sees the old file or the new one, never a part.

    The data goes to a temporary file in the same folder, is flushed to the disk and renamed. What
    a process that was killed has left of that is removed when the same file is written again.

    Raises:
        OSError: The folder is missing, full or not writable; ``path`` is then as it was.
    """
    write_together({path: data})


def write_together(files: Mapping[str | os.PathLike[str], bytes]) -> None:
    """Writes several files as :func:`write_atomically` does one, all of them or none.

    Each is on the disk before the first is renamed, so that a full disk changes none of them, and
    where a rename fails, or a signal comes, those before it are taken back. Only a process killed
    between two renames leaves new files beside old ones.

    Args:
        files: The data by path.

    Raises:
        OSError: A folder is missing, full or not writable; all files are then as they were.
    """
    temporaries: list[BinaryIO] = []
    try:
        for path, data in files.items():
            with _naming(path):
                _refuse_devices(Path(path))
                _remove_leftovers(Path(path))
                file = _create_beside(Path(path))
                temporaries.append(file)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        names = [Path(file.name) for file in temporaries]
        _put_in_place(list(zip(names, map(Path, files), strict=True)))
    finally:
        for file in temporaries:
            Path(file.name).unlink(missing_ok=True)
            with suppress(OSError):  # what a full disk did not take is tried again
                file.close()


def _put_in_place(renames: Sequence[tuple[Path, Path]]) -> None:
    """Renames the first of each pair to the second, all of them or none."""
    old: list[tuple[Path, Path | None]] = []  # each path begun, and where its old file is
    try:
        for temporary, path in renames:
            with _naming(path):
                if path != renames[-1][1]:  # the last one need never be taken back
                    with suppress(PermissionError):  # of a file system without links
                        old.append((path, _second_name(path)))
                temporary.replace(path)
    except BaseException:
        for path, second in old:
            with suppress(OSError):
                path.unlink() if second is None else second.replace(path)
        raise
    finally:
        for _, second in old:
            if second is not None:
                second.unlink(missing_ok=True)


def _second_name(path: Path) -> Path | None:
    """Gives a file another name beside it, None where there is no file."""
    second = _temporary_name(path)
    try:
        second.hardlink_to(path)
    except FileNotFoundError:
        return None
    return second


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(8).hex()}")


def _refuse_devices(path: Path) -> None:
    """Refuses what is no plain file, such as /dev/null, which root could replace by one."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "this is not a file that can be replaced")


def _create_beside(path: Path) -> BinaryIO:
    """Opens a new temporary file and locks it, which tells that it is no leftover."""
    while True:
        file = _temporary_name(path).open("xb")
        with suppress(OSError):  # a file system without locks, where leftovers stay
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # another process has removed it before it was locked


def _remove_leftovers(path: Path) -> None:
    """Removes temporary files for ``path`` that no process holds any more."""
    pattern = re.compile(re.escape(f".{path.name}") + _SUFFIX)
    with suppress(OSError):
        for found in path.parent.iterdir():
            if pattern.fullmatch(found.name) and found.is_file():
                with suppress(OSError), found.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    found.unlink()


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Lets errors name the file that was to be written, and not a temporary one."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
