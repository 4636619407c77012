"""Utilities to process data."""

import os
import re
from pathlib import Path

__all__ = ["read_label_file"]

_NUMBERED = re.compile(r"(\d+)[:\s]+(.*)")


def read_label_file(file_path: str | os.PathLike[str]) -> dict[int, str]:
    """Reads a label file as pycoral does, line by line.

    A line that begins with a number, and then a colon or a space, names the class of that number.
    Any other line names the class of its row, even if it is empty. The rest of this package reads
    other formats, too, and judges a line by the others.

    Args:
        file_path: A text file in UTF-8.

    Returns:
        The label of each class index.
    """
    labels = {}
    with Path(file_path).open(encoding="utf-8") as file:
        for row, line in enumerate(map(str.strip, file)):
            numbered = _NUMBERED.match(line)
            labels[int(numbered[1]) if numbered else row] = numbered[2] if numbered else line
    return labels
