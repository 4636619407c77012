"""Reading a photo's file, and the error for a photo that cannot be used."""

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

from ..dataset.addresses import AddressError, is_address, read_address

_MAX_BYTES = 300_000_000
_SYSTEM_LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # not the fault of a photo


class PhotoError(ValueError):
    """A photo cannot be used.

    Attributes:
        path: The photo's file, or None if it was given as an image or an array.
        name: The path as text, or ``the image``.
        reason: Why the photo cannot be used, in plain words.
    """

    def __init__(self, reason: str, path: str | os.PathLike[str] | None = None) -> None:
        self.name = "the image" if path is None else os.fspath(path)
        super().__init__(f"{self.name}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(
        self,
    ) -> tuple[type["PhotoError"], tuple[str, str | os.PathLike[str] | None]]:
        return type(self), (self.reason, self.path)


class PhotoFile(NamedTuple):
    """The file of a photo, read but not decoded.

    Attributes:
        path: The path of the file.
        content: The bytes of the file.
    """

    path: str | os.PathLike[str]
    content: bytes


def read_photo(path: str | os.PathLike[str]) -> PhotoFile:
    """Reads a photo's file, which may be at an address such as ``s3://bucket/1.jpg``.

    Raises:
        PhotoError: The file cannot be read, is empty, or is too large to be a photo.
        ValueError: What reads this kind of address is not installed.
        OSError: The process is out of memory or has too many files open, so that it cannot read
            any file.
    """
    if is_address(path):
        return _read_remote(os.fspath(path))
    try:
        found = Path(path).stat()
        is_file = stat.S_ISREG(found.st_mode)  # reading a pipe might never end
        content = Path(path).read_bytes() if is_file and found.st_size <= _MAX_BYTES else b""
    except FileNotFoundError:
        raise PhotoError("there is no such file", path) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        if getattr(error, "errno", None) in _SYSTEM_LIMITS:
            raise
        raise PhotoError(getattr(error, "strerror", None) or str(error), path) from error
    if not is_file:
        is_folder = stat.S_ISDIR(found.st_mode)
        but = ", but a folder: give the photos in it" if is_folder else ""
        raise PhotoError(f"this is not a file{but}", path)
    if found.st_size > _MAX_BYTES:
        raise PhotoError(
            f"the file has {found.st_size} bytes, but at most {_MAX_BYTES} are allowed", path
        )
    if not content:
        raise PhotoError("the file is empty", path)
    return PhotoFile(path, content)


def _read_remote(address: str) -> PhotoFile:
    try:
        content = read_address(address, _MAX_BYTES)
    except AddressError as error:
        raise PhotoError(str(error).removeprefix(f"{address} "), address) from error
    if not content:
        raise PhotoError("the file is empty", address)
    return PhotoFile(address, content)
