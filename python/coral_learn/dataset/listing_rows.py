"""Reading the rows of a listing: CSV in its dialects, and JSON Lines."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .groups import PART_OF_NAME
from .suffixes import PHOTO_SUFFIXES, VIDEO_SUFFIXES

_PATH_NAMES = frozenset(
    {"path", "file_path", "filepath", "image_path", "file", "file_name", "filename"}
    | {"image", "photo"}
)
LABEL_NAMES = frozenset({"label", "class", "class_name", "category", "target"})
"""The names that the class of a photo has in listings, in lower case."""

_PART_NAMES = frozenset({"split", "subset", "partition"})
_DELIMITERS = ",;\t"
_MAX_BYTES = 500_000_000
_MAX_PREFIX = 200  # characters of a line in a message


class ListingRow(NamedTuple):
    """A photo in a listing.

    Attributes:
        line: The number of its line, from 1.
        path: The path of the photo as it is written.
        label: The class of the photo.
        part: The part of a split that the photo is for, as it is written, or "".
    """

    line: int
    path: str
    label: str
    part: str


class _Columns(NamedTuple):
    """The places of the values in a row, or their keys in a JSON object."""

    path: int
    label: int
    part: int | None


def read_rows(listing: Path) -> list[ListingRow]:
    """Reads the rows of a listing.

    A CSV file has a header with a column for the path (``path``, ``image``, ``file_name`` ...),
    one for the class (``label``, ``class``, ``category`` ...) and perhaps one for the part of a
    split (``split``), in any order among other columns. Without a header, the columns are told
    apart by the suffixes of photos. The delimiter is a comma, a semicolon or a tab. A JSON Lines
    file has one object a line with the same names.

    Raises:
        ValueError: The file is not such a listing, or a row has no path or no class.
        OSError: The file cannot be read.
    """
    if listing.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{listing} is too large for a listing of photos.")
    try:
        text = listing.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{listing} is not UTF-8 text. Save it as UTF-8.") from error
    is_csv = listing.suffix.lower() in (".csv", ".tsv")
    rows = list(_csv_rows(listing, text) if is_csv else _json_rows(listing, text))
    if not rows:
        raise ValueError(f"{listing} lists no photos. Give it a line for each photo.")
    for row in rows:
        for name, value in (("path", row.path), ("class", row.label)):
            if not value:
                raise ValueError(f"{listing}, line {row.line}: there is no {name}.")
    return rows


def _csv_rows(listing: Path, text: str) -> Iterator[ListingRow]:
    delimiter, columns, has_header = _csv_format(listing, text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for number, cells in enumerate(filter(any, reader)):
            if number or not has_header:
                line = reader.line_num
                if len(cells) <= max(index for index in columns if index is not None):
                    raise ValueError(
                        f"{listing}, line {line}: there are fewer columns than in the first line."
                    )
                part = "" if columns.part is None else cells[columns.part].strip()
                yield ListingRow(
                    line, cells[columns.path].strip(), cells[columns.label].strip(), part
                )
    except csv.Error as error:
        raise ValueError(f"{listing}, line {reader.line_num}: {error}.") from error


def _csv_format(listing: Path, text: str) -> tuple[str, _Columns, bool]:
    """Returns the delimiter, the columns, and whether the first line is a header."""
    first: list[list[str]] = []
    for delimiter in _DELIMITERS:
        try:
            cells = next(
                filter(any, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)), []
            )
        except csv.Error as error:
            raise ValueError(f"{listing} is no CSV file: {error}.") from error
        columns = _named_columns(listing, cells)
        if columns is not None:
            return delimiter, columns, True
        columns = _unnamed_columns(cells)
        if columns is not None:
            return delimiter, columns, False
        first.append(cells)
    found = max(first, key=len)
    raise ValueError(
        f"{listing} has no columns for the path and the class of each photo; it begins with "
        f"{', '.join(found)[:_MAX_PREFIX]!r}. Give it a first line such as path,label."
    )


def _named_columns(listing: Path, names: Sequence[str]) -> _Columns | None:
    """Returns the columns by their names, or None if the names are not known."""
    places = []
    for known in (_PATH_NAMES, LABEL_NAMES, _PART_NAMES):
        matches = [i for i, name in enumerate(names) if name.strip().casefold() in known]
        if len(matches) > 1:
            both = " and ".join(names[index].strip() for index in matches)
            raise ValueError(
                f"{listing} has the columns {both}, which mean the same. Remove or rename one."
            )
        places.append(matches[0] if matches else None)
    path, label, part = places
    return None if path is None or label is None else _Columns(path, label, part)


def _unnamed_columns(cells: Sequence[str]) -> _Columns | None:
    """Returns the columns of a listing without a header: one has the name of a photo."""
    paths = [
        index
        for index, cell in enumerate(cells)
        if Path(cell.strip()).suffix.lower() in PHOTO_SUFFIXES | VIDEO_SUFFIXES
    ]
    if len(paths) != 1 or len(cells) not in (2, 3):
        return None
    others = [index for index in range(len(cells)) if index != paths[0]]
    if len(others) == 1:
        return _Columns(paths[0], others[0], None)
    parts = [index for index in others if cells[index].strip().casefold() in PART_OF_NAME]
    if len(parts) != 1:
        return None
    others.remove(parts[0])
    return _Columns(paths[0], others[0], parts[0])


def _json_rows(listing: Path, text: str) -> Iterator[ListingRow]:
    keys: list[str] = []
    columns: _Columns | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{listing}, line {number}: this is not JSON: {error}.") from error
        if not isinstance(record, dict):
            raise ValueError(
                f'{listing}, line {number}: this is not an object. Write {{"path": ..., "label": '
                "...} for each photo, in a line of its own."
            )
        if columns is None:
            keys = list(record)
            columns = _named_columns(listing, keys)
        if columns is None:
            raise ValueError(
                f"{listing} has no path and label in its first line, only: {', '.join(keys)}."
            )
        part = "" if columns.part is None else _text(listing, number, record, keys[columns.part])
        path, label = (_text(listing, number, record, keys[i]) for i in columns[:2])
        yield ListingRow(number, path, label, part)


def _text(listing: Path, line: int, record: dict[str, object], key: str) -> str:
    """Returns a value as text; a class may be a whole number."""
    value = record.get(key)
    if value is None:
        return ""
    if isinstance(value, int | str) and not isinstance(value, bool):
        return str(value).strip()
    raise ValueError(
        f"{listing}, line {line}: {key} is {str(value)[:_MAX_PREFIX]}, but must be one text or one "
        "whole number."
    )
