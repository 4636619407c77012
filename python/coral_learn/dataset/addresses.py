"""Photos at addresses such as ``s3://bucket/photos``, which fsspec reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from .origins import PhotoOrigin

if TYPE_CHECKING:  # fsspec is an extra
    from fsspec import AbstractFileSystem

INSTALL_PARQUET = "pip install 'coral-learn[parquet]'"

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")
_LOCAL = "file://"
_NO_STORES = ("file", "http", "https")  # a file here, and the addresses of pages
_VERSION_KEYS = ("ETag", "etag", "md5Hash", "LastModified", "updated", "mtime", "created")

_Result = TypeVar("_Result")


class AddressError(OSError):
    """What is at an address cannot be read."""


def is_address(path: object) -> bool:
    """Tells whether this is an address of a store, such as ``s3://bucket/photos``."""
    found = _SCHEME.match(path) if isinstance(path, str) else None
    return found is not None and found[1] not in _NO_STORES


def local_path(path: str) -> str:
    """Returns the path in a ``file://`` address, and anything else as it is."""
    return path.removeprefix(_LOCAL)


def read_address(address: str, max_bytes: int) -> bytes:
    """Reads a file at an address.

    Raises:
        AddressError: It cannot be read, or has more than ``max_bytes`` bytes.
        ValueError: fsspec, or what it needs for this store, is not installed.
    """

    def read(store: AbstractFileSystem, path: str) -> bytes:
        with store.open(path, "rb") as file:
            return bytes(file.read(max_bytes + 1))

    content = _ask(address, read)
    if len(content) > max_bytes:
        raise AddressError(f"{address} has more than {max_bytes} bytes")
    return content


def copy_address(address: str, target: Path) -> None:
    """Copies a file at an address.

    Raises:
        AddressError: It cannot be read.
        ValueError: fsspec, or what it needs for this store, is not installed.
    """
    _ask(address, lambda store, path: store.get_file(path, str(target)))


def list_address(address: str) -> list[PhotoOrigin]:
    """Returns the files at an address at any depth, sorted; of a file, the file alone.

    Raises:
        AddressError: There is nothing, or it cannot be listed.
        ValueError: fsspec, or what it needs for this store, is not installed.
    """
    found = _ask(address, lambda store, path: store.find(path, detail=True))
    if not found:
        raise AddressError(f"there is nothing at {address}. Correct the address.")
    scheme = address.partition("://")[0]
    files = [(f"{scheme}://{name.lstrip('/')}", info) for name, info in sorted(found.items())]
    return [PhotoOrigin(file, file, info.get("size"), _version(info)) for file, info in files]


def _ask(address: str, question: Callable[[AbstractFileSystem, str], _Result]) -> _Result:
    """Asks the store of an address something about the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise ValueError(f"{address} needs {error.name}: {INSTALL_PARQUET}") from error
    try:
        return question(*url_to_fs(address))
    except FileNotFoundError as error:
        raise AddressError(f"there is nothing at {address}. Correct the address.") from error
    except ImportError as error:  # fsspec knows the store, but not how to talk to it
        raise ValueError(f"{address} cannot be opened: {str(error).rstrip('.')}.") from error
    except Exception as error:  # each store has its own types
        reason = " ".join(str(error).split()) or type(error).__name__
        raise AddressError(f"{address} cannot be read: {reason}") from error


def _version(info: dict[str, object]) -> str:
    """Returns what a store says of the version of a file, as text."""
    return next((str(info[key]) for key in _VERSION_KEYS if info.get(key)), "")
