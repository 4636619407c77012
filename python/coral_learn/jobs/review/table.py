"""``review.csv``: what a review suggests, as a table that people edit and give back."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...dataset.class_names import class_name
from ...words import counted, listed
from .findings import Review
from .photos import Photo

ACTIONS = ("keep", "move", "drop")
"""What can be done with a photo; the table that a review writes keeps all of them."""

COLUMNS = ("action", "path", "label", "new_label", "probability", "reason", "folder")
"""The columns of the table."""

_NEEDED = ("action", "path", "label", "new_label", "folder")
_MAX_BYTES = 200_000_000


class TableRow(NamedTuple):
    """A line of the table.

    Attributes:
        line: The number of the line.
        action: One of :data:`ACTIONS`.
        path: The photo, below the folder.
        label: The name of its class.
        new_label: The name of the class to move it to; "" if none is known.
        folder: The folder of the class folders.
    """

    line: int
    action: str
    path: str
    label: str
    new_label: str
    folder: Path


def format_table(rows: Sequence[Sequence[str]]) -> bytes:
    """Returns the content of a table."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    return text.getvalue().encode(errors="surrogateescape")  # names may not be valid text


def table_rows(review: Review, folder: Path) -> list[list[str]]:
    """Returns the rows of the table: one for each photo and reason to look at it.

    Photos that are in no folder of their class are left out: moving them would not help.

    Args:
        review: The review.
        folder: The folder that has the class folders of the photos.
    """
    rows: list[list[str]] = []
    root = str(absolute(folder))

    def add(photo: Photo, reason: str, new_label: str = "", probability: str = "") -> None:
        name = table_path(photo, folder)
        if name is not None:
            rows.append([ACTIONS[0], name, photo.label, new_label, probability, reason, root])

    for doubtful in review.doubtful:
        probability = f"{doubtful.probability:.4f}"
        add(doubtful.photo, "doubtful label", doubtful.suggested, probability)
    for same in review.duplicates:
        for photo in same.photos:
            others = listed([each.name for each in same.photos if each is not photo])
            add(photo, f"the same photo as {others}")
    for pair in review.near_duplicates:
        one, other = pair.photos
        add(one, f"almost the same as {other.name}")
        add(other, f"almost the same as {one.name}")
    for reason, extremes in (
        ("unlike its class", review.outliers),
        ("dark", review.darkest),
        ("not sharp", review.blurriest),
    ):
        for each in extremes:
            add(each.photo, f"{reason} ({each.quantity} {each.value:g})")
    return rows


def absolute(path: Path) -> Path:
    """Returns an absolute path without "..", which goes up from where a link leads."""
    return path.resolve() if ".." in path.parts else path.absolute()


def table_path(photo: Photo, folder: Path) -> str | None:
    """Returns the path of a photo as the table has it; None if it cannot be moved."""
    if photo.path is None:
        return None
    path, root = photo.path.absolute(), folder.absolute()
    if not path.is_relative_to(root):
        return None
    name = path.relative_to(root)
    return None if class_depth(name, photo.label) is None else name.as_posix()


def class_depth(path: Path, label: str) -> int | None:
    """Returns which folder of a path is that of a class; None if the class is written elsewhere."""
    names = [class_name(part) for part in path.parts[:-1]]
    return names.index(label) if label in names else None


def is_table(content: bytes) -> bool:
    """Tells whether a file has the columns of this table, in any order and with any separator."""
    first = _decoded(content).partition("\n")[0]
    return set(_NEEDED) <= set(re.split(r'[,;\t"\r]+', first))


def is_unedited(content: bytes) -> bool:
    """Tells whether a review wrote this table and nobody chose an action in it since."""
    try:
        rows = list(csv.reader(io.StringIO(_decoded(content), newline="")))
    except (ValueError, csv.Error):
        return False
    return bool(rows) and tuple(rows[0]) == COLUMNS and all(row[:1] == ["keep"] for row in rows[1:])


def read_table(path: Path) -> list[TableRow]:
    """Reads a table; columns may be in another order, and separated by semicolons.

    Raises:
        ValueError: The table is damaged, or a line has an unknown action.
        OSError: The file cannot be read.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path} is too large to be the table of a review")
    try:
        text = _decoded(path.read_bytes())
        first = text.partition("\n")[0]
        separator = max(",;\t", key=first.count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, restval="")
        missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(
                f"{path} is no table of a review: it has no {counted(len(missing), 'column')} "
                f"{listed(missing, 9)}. Give the CSV file that `coral-learn review --output` wrote."
            )
        return [_row(path, reader.line_num, each) for each in reader]
    except (UnicodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV file in UTF-8: {error}") from error


def _row(path: Path, line: int, fields: dict[str, str]) -> TableRow:
    action = fields["action"].strip().casefold() or "keep"
    if action not in ACTIONS:
        raise ValueError(
            f"{path}, line {line}: the action {fields['action']!r} is not known. Use "
            f"{', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}."
        )
    if action != "keep" and not (fields["path"] and fields["label"] and fields["folder"]):
        raise ValueError(f"{path}, line {line}: path, label and folder must not be empty.")
    new_label = fields["new_label"].strip()
    if action == "move" and not new_label:
        raise ValueError(
            f"{path}, line {line}: new_label is empty. Write the class to move the photo to."
        )
    return TableRow(
        line, action, fields["path"], fields["label"], new_label, Path(fields["folder"])
    )


def _decoded(content: bytes) -> str:
    return content.decode("utf-8-sig", errors="surrogateescape")


def chosen(rows: Sequence[TableRow]) -> list[TableRow]:
    """Returns the rows with something to do, each photo once.

    Raises:
        ValueError: Two lines want different things of one photo.
    """
    found: dict[tuple[Path, str], TableRow] = {}
    for row in rows:
        if row.action == "keep":
            continue
        other = found.setdefault((row.folder, row.path), row)
        same_place = row.action == "drop" or row.new_label == other.new_label
        if other.action != row.action or not same_place:
            raise ValueError(
                f"lines {other.line} and {row.line} want different things of {row.path}. Correct "
                "one of them."
            )
    return list(found.values())
