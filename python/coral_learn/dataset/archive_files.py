"""Reading zip and tar files, one file after the other."""

import bz2
import errno
import functools
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from .suffixes import ZIP_SUFFIXES

_MAX_READ = 8_000_000  # bytes at once: tarfile asks for more only if a hostile header claims it
_ENCRYPTED = 1  # a bit in the flags of a file in a zip archive
_DAMAGES = (
    *(zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error),
    *(EOFError, NotImplementedError, OverflowError, UnicodeError, struct.error),
)


class ArchivedFile(NamedTuple):
    """A file or a folder in an archive.

    Attributes:
        name: Its name, as the archive has it.
        is_folder: Whether it is a folder.
        is_plain: Whether it is a plain file: no link, and no device.
        position: Where it ends in the decompressed tar file; 0 in a zip file.
        open: Opens it, until the next file is taken from the archive.
    """

    name: str
    is_folder: bool
    is_plain: bool
    position: int
    open: Callable[[], IO[bytes]]


@contextmanager
def archived_files(archive: Path) -> Iterator[Iterator[ArchivedFile]]:
    """Opens an archive, and yields its files.

    Raises:
        ValueError: The archive is damaged or encrypted, or is none.
        OSError: The archive cannot be read.
    """
    is_zip = archive.name.lower().endswith(ZIP_SUFFIXES)
    try:
        if is_zip:
            with zipfile.ZipFile(archive) as opened_zip:
                yield _files_of_zip(opened_zip, archive)
        else:
            with (
                _decompressed(archive) as stream,
                tarfile.open(fileobj=cast("IO[bytes]", _Bounded(stream)), mode="r:") as opened_tar,
            ):
                yield _files_of_tar(opened_tar)
    except (*_DAMAGES, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(
            f"{archive} is damaged, or it is no {'zip' if is_zip else 'tar'} file ({error}). "
            "Copy or download it again."
        ) from error


def _files_of_zip(opened: zipfile.ZipFile, archive: Path) -> Iterator[ArchivedFile]:
    for info in opened.infolist():
        if info.flag_bits & _ENCRYPTED:
            raise ValueError(
                f"{archive} is encrypted. Unpack it with its password, and give the folder."
            )
        yield ArchivedFile(
            name=info.filename,
            is_folder=info.filename.endswith("/"),
            is_plain=stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG),
            position=0,
            open=functools.partial(opened.open, info),
        )


def _files_of_tar(opened: tarfile.TarFile) -> Iterator[ArchivedFile]:
    for info in opened:
        yield ArchivedFile(
            name=info.name,
            is_folder=info.isdir(),
            is_plain=info.isreg(),
            position=info.offset_data + info.size,
            open=functools.partial(_open_in_tar, opened, info),
        )


def _open_in_tar(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = opened.extractfile(info)
    assert file is not None  # it is a plain file
    return file


def _decompressed(archive: Path) -> IO[bytes]:
    name = archive.name.lower()
    if name.endswith(("gz", "tgz")):
        return cast("IO[bytes]", gzip.open(archive))
    if name.endswith("bz2"):
        return cast("IO[bytes]", bz2.open(archive))
    if name.endswith("xz"):
        return cast("IO[bytes]", lzma.open(archive))
    return archive.open("rb")


class _Bounded:
    """A tar file that refuses to read a header that would fill the memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        """Reads bytes."""
        if size > _MAX_READ:
            raise tarfile.ReadError(f"a header claims {size} bytes")
        return self._stream.read(size)
