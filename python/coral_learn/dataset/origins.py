"""Where photos come from, and which version of them was seen."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class PhotoOrigin(NamedTuple):
    """Where a photo comes from.

    Attributes:
        name: Its path, its address, or its path in an archive, to tell people.
        location: The path or the address that it is read from.
        size: Its size in bytes, or None if that is not known.
        version: What tells one version of the file from the next, such as the time of its last
            change; "" if nothing is known.
    """

    name: str
    location: str
    size: int | None
    version: str


def file_origin(path: Path) -> PhotoOrigin:
    """Returns the origin of a file on this machine; without size and version if it is gone."""
    name = str(path.absolute())
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: a null character
        return PhotoOrigin(name, name, None, "")
    return PhotoOrigin(name, name, found.st_size, str(found.st_mtime_ns))
