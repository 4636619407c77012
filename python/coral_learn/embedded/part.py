"""One Parquet file of embedded photos: its name, and what its rows are about."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .format import check_pyarrow

if TYPE_CHECKING:  # pyarrow is an extra
    import pyarrow as pa
    import pyarrow.parquet as pq

_Read = TypeVar("_Read")

PART_NAME = re.compile(r"part-(\d+)\.parquet")
"""The names of the files, with their numbers."""


class PhotoKey(NamedTuple):
    """What a row is about: a photo that a listing names twice has two rows.

    Attributes:
        path: The path or the address of the photo.
        label: The class of the photo.
        split: The part of a split that it is for, or None.
    """

    path: str
    label: str
    split: str | None


class PhotoVersion(NamedTuple):
    """Which version of a photo a row is about.

    Attributes:
        size: The size of its file in bytes, or None.
        version: What tells this version of the file from others; "" if nothing is known.
    """

    size: int | None
    version: str


def parts_in(folder: Path) -> list[Path]:
    """Returns the Parquet files in a folder, in order; none if there is no folder."""
    try:
        with os.scandir(folder) as entries:
            numbers = {entry.name: PART_NAME.fullmatch(entry.name) for entry in entries}
    except (OSError, ValueError):
        return []
    parts = sorted((int(number[1]), name) for name, number in numbers.items() if number)
    return [folder / name for _, name in parts]


def keys_in(part: Path) -> list[PhotoKey]:
    """Returns what each row of a file is about.

    Raises:
        ValueError: The file is damaged.
    """
    table = read_part(part, PhotoKey._fields)
    return [PhotoKey(*values) for values in columns_of(table, PhotoKey._fields)]


def columns_of(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yields the values of some columns, row by row."""
    return zip(*(table[name].to_pylist() for name in names), strict=True)


def read_part(part: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Returns some columns of a file, or all.

    Raises:
        ValueError: The file is damaged.
    """
    with open_part(part) as file:
        return reading(part, lambda: file.read(None if columns is None else list(columns)))


def open_part(part: Path) -> pq.ParquetFile:
    """Opens a file; the errors are those of :func:`read_part`, and that pyarrow is missing."""
    check_pyarrow(str(part))
    import pyarrow.parquet as pq

    return reading(part, lambda: pq.ParquetFile(part))


def reading(part: Path, read: Callable[[], _Read]) -> _Read:
    """Reads a file, whose errors name it then."""
    import pyarrow as pa

    try:
        return read()
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        reason = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"{part} is damaged, or no Parquet file: {reason}.") from error
