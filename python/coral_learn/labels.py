"""Label maps: the names of the classes, in the formats that Coral's tools read and write."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_NUMBERED_LINE = re.compile(r"\s*(\d{1,18})(?:\s*:\s*|\s+)(\S.*)")
_MAX_CLASSES = 1_000_000


def parse_labels(text: str) -> dict[int, str]:
    """Parses a label map: ``0 daisy``, ``0:daisy`` or ``0  daisy`` a line, or one label a line.

    Lines count as numbered only if all of them are, so that a class named ``7 up`` in a plain
    list keeps its name. Blank lines at the end are ignored.

    Returns:
        The label of each class index.
    """
    lines = text.lstrip("\ufeff").rstrip().splitlines()
    numbered = [_NUMBERED_LINE.fullmatch(line) for line in lines]
    if all(numbered):
        return {int(match[1]): match[2].strip() for match in numbered if match}
    return {index: line.strip() for index, line in enumerate(lines)}


def format_labels(labels: Sequence[str]) -> str:
    """Returns a label map with ``0 daisy`` a line, the format of the tutorial's ``label_map.txt``.

    Args:
        labels: The name of each class, in the order of the model's outputs.
    """
    return "".join(f"{index} {label}\n" for index, label in enumerate(labels))


def check_label(label: str) -> None:
    """Checks that a label map can hold the name of a class.

    Raises:
        ValueError: The name is empty, begins or ends with a space, contains a line break, or is not
            valid UTF-8 text, as a file name can be.
    """
    try:
        label.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{label!r} is not a valid class name: it is not UTF-8 text. Choose another name."
        ) from None
    if parse_labels(format_labels([label])) != {0: label}:
        raise ValueError(
            f"{label!r} is not a valid class name: it is empty, begins or ends with a space, or "
            "contains a line break. Choose another name."
        )


def read_label_file(path: str | os.PathLike[str]) -> dict[int, str]:
    """Reads a label file; see :func:`parse_labels` for the formats.

    Returns:
        The label of each class index.

    Raises:
        ValueError: The file is not UTF-8 text.
        OSError: The file cannot be read.
    """
    try:
        return parse_labels(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{os.fspath(path)} is not a label file, because it is not UTF-8 text. "
            "Give a text file with one label a line."
        ) from error


def label_list(labels: Mapping[int, str]) -> list[str]:
    """Returns labels by index as a list. The name of a missing label is its index.

    Raises:
        ValueError: An index is so large that the list would fill the memory.
    """
    size = max(labels, default=-1) + 1
    if size > _MAX_CLASSES:
        raise ValueError(
            f"a label has the index {size - 1}, but at most {_MAX_CLASSES - 1} is allowed. "
            "Correct the label map."
        )
    return [labels.get(index, str(index)) for index in range(size)]
