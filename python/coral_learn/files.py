"""Writing files completely or not at all."""

import errno
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .file_lock import lock_file

_SUFFIX = r"\.[0-9a-f]{16}"
# The errors of file systems without hard links: FAT on Linux, on Windows and on macOS, and others.
_NO_HARD_LINKS = {errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
_OPEN_FILES_STAY = sys.platform == "win32"  # an open file can be neither renamed nor deleted
_UNUSED_SECONDS = 60.0


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file so that a reader sees either the old content or the new, never a part of it.

    The data is written to a temporary file in the same folder, flushed to disk, and renamed, and
    the folder is flushed too, so that what was written is there after a power cut. If a process is
    killed meanwhile, the next write of the same file removes its temporary file.

    Raises:
        OSError: The folder is missing, full or not writable; ``path`` is then unchanged.
    """
    write_together({path: data})


def write_together(files: Mapping[str | os.PathLike[str], bytes]) -> None:
    """Writes several files like :func:`write_atomically`, either all of them or none.

    All data is on disk before the first file is renamed, so a full disk changes no file. If a
    rename fails, or a signal arrives before the last one, the renames before it are undone. Only a
    process that is killed between two renames leaves some files new and others old, and then
    :func:`interrupted_writes` finds the old content of those that are new.

    Args:
        files: The data for each path.

    Raises:
        OSError: A folder is missing, full or not writable; all files are then unchanged.
    """
    temporaries: list[BinaryIO] = []
    try:
        for path, data in files.items():
            with _naming(path):
                _refuse_devices(Path(path))
                _remove_unused_files(Path(path))
                file = _create_beside(Path(path))
                temporaries.append(file)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        names = [Path(file.name) for file in temporaries]
        if _OPEN_FILES_STAY:
            for file in temporaries:
                file.close()
        _put_in_place(list(zip(names, map(Path, files), strict=True)))
        for folder in {Path(path).parent for path in files}:
            _flush_folder(folder)
    finally:
        for file in temporaries:
            with suppress(OSError):  # closing tries once more to write what a full disk refused
                file.close()
            Path(file.name).unlink(missing_ok=True)


def interrupted_writes(path: str | os.PathLike[str]) -> list[Path]:
    """Returns the files that killed writes of ``path`` left beside it: old content or new."""
    pattern = re.compile(re.escape(f".{Path(path).name}") + _SUFFIX)
    try:
        return [each for each in Path(path).parent.iterdir() if pattern.fullmatch(each.name)]
    except OSError:
        return []


@contextmanager
def exclusive_lock(path: str | os.PathLike[str]) -> Iterator[None]:
    """Waits until no other process is in the same place.

    Args:
        path: A file that stands for the place; it is created if it does not exist.
    """
    with Path(path).open("ab") as file:
        with suppress(OSError):  # the file system has no locks
            lock_file(file)
        yield


def _put_in_place(renames: Sequence[tuple[Path, Path]]) -> None:
    """Renames the first path of each pair to the second, either all of them or none."""
    old: list[tuple[Path, Path | None]] = []  # the paths to restore, and their old files
    try:
        for temporary, path in renames:
            with _naming(path):
                if path != renames[-1][1]:  # the last one is never undone
                    try:
                        old.append((path, _add_name(path)))
                    except OSError as error:
                        if error.errno not in _NO_HARD_LINKS:
                            raise
                temporary.replace(path)
    except BaseException:
        # A signal can arrive just after the last rename, when all files are new.
        if os.path.lexists(renames[-1][0]):
            for path, second in old:
                with suppress(OSError):
                    path.unlink() if second is None else second.replace(path)
        raise
    finally:
        for _, second in old:
            if second is not None:
                second.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Puts the names of a folder's files on disk, where the system can."""
    with suppress(OSError):  # Windows opens no folders, and some file systems flush none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _add_name(path: Path) -> Path | None:
    """Gives a file a second name in the same folder; returns None if there is no file."""
    second = _temporary_name(path)
    try:
        second.hardlink_to(path)
    except FileNotFoundError:
        return None
    return second


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(8).hex()}")


def _refuse_devices(path: Path) -> None:
    """Rejects paths that are not plain files, such as /dev/null, which root could replace."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "this is not a file that can be replaced")


def _create_beside(path: Path) -> BinaryIO:
    """Opens a new temporary file, and marks it as in use."""
    while True:
        file = _temporary_name(path).open("xb")
        if _OPEN_FILES_STAY:  # being open is mark enough
            return file
        with suppress(OSError):  # without locks, unused files stay
            lock_file(file)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # another process removed it before it was locked


def _remove_unused_files(path: Path) -> None:
    """Removes the temporary files for ``path`` that no process uses."""
    for found in interrupted_writes(path):
        if found.is_file():
            with suppress(OSError):
                _remove_if_unused(found)


def _remove_if_unused(temporary: Path) -> None:
    if _OPEN_FILES_STAY:
        # A file that is about to be renamed is not open, but was written just before.
        if time.time() - temporary.stat().st_mtime > _UNUSED_SECONDS:
            temporary.unlink()
        return
    with temporary.open("rb") as file:
        lock_file(file, wait=False)
        temporary.unlink()


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Makes errors name the file that the caller wants to write, not a temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
