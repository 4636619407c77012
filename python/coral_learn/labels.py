"""Label maps: the names of the classes, in the formats that Coral's tools read and write."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_NUMBERED = re.compile(r"\s*(\d{1,18})(?:\s*:\s*|\s+)(\S.*)")
_MOST_CLASSES = 1_000_000


def parse_labels(text: str) -> dict[int, str]:
    """Reads a label map: ``0 daisy``, ``0:daisy`` or ``0  daisy`` a line, or one label a line.

    Lines are taken as numbered only if all of them are, so that a class named ``7 up`` in a plain
    list keeps its name. Blank lines at the end are ignored.

    Returns:
        The label of each class index.
    """
    lines = text.lstrip("\ufeff").rstrip().splitlines()
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(numbered):
        return {int(match[1]): match[2].strip() for match in numbered if match}
    return {index: line.strip() for index, line in enumerate(lines)}


def format_labels(labels: Sequence[str]) -> str:
    """Writes labels as ``0 daisy`` a line, the form of the tutorial's ``label_map.txt``."""
    return "".join(f"{index} {label}\n" for index, label in enumerate(labels))


def check_label(label: str) -> None:
    """Refuses a name that a label map cannot hold.

    Raises:
        ValueError: The name is empty, begins or ends with a space, has a line break in it, or is
            no text at all, as the name of a file can be.
    """
    try:
        label.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{label!r} is no name for a class: it is not UTF-8 text") from None
    if parse_labels(format_labels([label])) != {0: label}:
        raise ValueError(
            f"{label!r} is no name for a class: it is empty, begins or ends with a space, or has "
            "a line break in it"
        )


def read_label_file(path: str | os.PathLike[str]) -> dict[int, str]:
    """Reads a label file; see :func:`parse_labels` for the formats.

    Raises:
        ValueError: The file is not UTF-8 text.
        OSError: The file cannot be read.
    """
    try:
        return parse_labels(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(path)} is not a label file: it is not UTF-8 text") from error


def label_list(labels: Mapping[int, str]) -> list[str]:
    """Returns labels by index as a list, with the index itself as the name of a missing one.

    Raises:
        ValueError: An index is beyond the classes of any model, and would fill the memory.
    """
    size = max(labels, default=-1) + 1
    if size > _MOST_CLASSES:
        raise ValueError(f"a label has the index {size - 1}: no model has so many classes")
    return [labels.get(index, str(index)) for index in range(size)]
