"""Label maps: the names of the classes, in the formats that Coral's tools read and write."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_NUMBERED_LINE = re.compile(r"([0-9]{1,18})(?:\s*:\s*|\s+)([^\s:].*)")
_NUMBER_ALONE = re.compile(r"([0-9]{1,18})\s*:?")
_COMMENT = re.compile(r"(#|//)(\s|$)")
_MAX_BYTES = 1 << 26
_MAX_CLASSES = 1_000_000


def parse_labels(text: str) -> dict[int, str]:
    """Parses a label map: ``0 daisy``, ``0:daisy`` or ``0  daisy`` a line, or one label a line.

    Each line is judged by itself, as pycoral does: a line with a number names the class of that
    number, and any other line the class of its row, unless a number names that class. Comments
    (``# ...`` and ``// ...``) are no rows; an empty line is the row of a class without a name,
    except at the end. If most lines have no number, and the numbers are not those of the rows, no
    line counts as numbered, so that a class named ``7 up`` in a plain list keeps its name.

    Returns:
        The label of each class index. Classes without a name are missing.
    """
    lines = [line.strip() for line in split_lines(text)]
    lines = [line for line in lines if not _COMMENT.match(line)]
    numbered = {row: match for row, line in enumerate(lines) if (match := _numbered(line))}
    if not _are_numbers_of_classes(numbered, sum(map(bool, lines))):
        return {row: line for row, line in enumerate(lines) if line}
    labels = {int(match[1]): match[2] for match in numbered.values()}
    for row, line in enumerate(lines):
        if line and row not in numbered and not _NUMBER_ALONE.fullmatch(line):
            labels.setdefault(row, line)
    return dict(sorted(labels.items()))


def split_lines(text: str) -> list[str]:
    """Returns the lines of a text file, without the empty ones at its end."""
    lines = re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff"))
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def format_labels(labels: Sequence[str]) -> str:
    """Returns a label map with ``0 daisy`` a line, the format of the tutorial's ``label_map.txt``.

    Args:
        labels: The name of each class, in the order of the model's outputs.

    Examples:
        >>> from coral_learn import format_labels
        >>> print(format_labels(["daisy", "roses"]), end="")
        0 daisy
        1 roses
    """
    return "".join(f"{index} {label}\n" for index, label in enumerate(labels))


def check_line(label: str) -> None:
    """Checks that a label fits on a line of its own, as in the label file inside a model.

    Raises:
        ValueError: The label is empty or contains a line break.
    """
    if not label or "\n" in label or "\r" in label:
        raise ValueError(f"a label must be one line of text, not {label!r}")


def check_label(label: str) -> None:
    """Checks that a label map can hold the name of a class.

    Raises:
        ValueError: The name is empty, begins with a colon, begins or ends with a space, contains a
            line break, or is not valid UTF-8 text, as a file name can be.
    """
    try:
        label.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{label!r} is not a valid class name: it is not UTF-8 text. Choose another name."
        ) from None
    # Some readers also break lines at characters such as U+2028.
    if len(label.splitlines()) > 1 or parse_labels(format_labels([label])) != {0: label}:
        if not label.strip():
            reason = "it is empty"
        elif label != label.strip():
            reason = "it begins or ends with a space or a line break"
        elif label.startswith(":"):
            reason = "it begins with a colon"
        elif len(label.splitlines()) > 1:
            reason = "it contains a line break"
        else:
            reason = "label files cannot hold it"
        raise ValueError(f"{label!r} is not a valid class name: {reason}. Choose another name.")


def read_label_file(path: str | os.PathLike[str]) -> dict[int, str]:
    """Reads a label file.

    It may be text in UTF-8, UTF-16 or Latin-1 as :func:`parse_labels` reads it, JSON (a list, or
    names by index, or indices by name), the ``.pbtxt`` of the TensorFlow Object Detection API, or
    the ``data.yaml`` of Ultralytics.

    Returns:
        The label of each class index. Classes without a name are missing.

    Raises:
        ValueError: The file holds something else.
        OSError: The file cannot be read.
    """
    # Most label files are plain text, and most programs read none.
    from .label_formats import decode_text, find_labels

    with Path(path).open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    text = decode_text(content) if len(content) <= _MAX_BYTES else None
    if text is None:
        raise _not_labels(path, "because it is not text")
    try:
        labels = find_labels(text, Path(path).suffix)
    except ValueError as error:
        raise _not_labels(path, f"because {error}") from None
    return parse_labels(text) if labels is None else labels


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


def _not_labels(path: str | os.PathLike[str], reason: str) -> ValueError:
    return ValueError(
        f"{os.fspath(path)} is not a label file, {reason}. Give a text file with one label a line."
    )


def _numbered(line: str) -> re.Match[str] | None:
    return _NUMBERED_LINE.fullmatch(line)


def _are_numbers_of_classes(numbered: Mapping[int, re.Match[str]], lines: int) -> bool:
    if 2 * len(numbered) > lines:
        return True
    return bool(numbered) and all(int(match[1]) == row for row, match in numbered.items())
