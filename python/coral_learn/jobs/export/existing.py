"""Files in the way of an export: which of them are no earlier export."""

from collections.abc import Mapping
from pathlib import Path

from ...tflite.label_file import read_archived_labels
from ...tflite.metadata import LABEL_FILE_NAME
from .contents import MARK, MODEL_NAME, label_lines
from .python_script import TABLE_NAME


def foreign_exports(files: Mapping[Path, bytes]) -> list[Path]:
    """Returns the files in the way of an export that are neither the same nor an earlier one.

    A text of an earlier export says so in its first line, and its model has the labels inside that
    are in the label file beside it.

    Args:
        files: The content to write by path.
    """
    return [
        path
        for path, content in files.items()
        if (path.exists() or path.is_symlink()) and not _is_own(path, content)
    ]


def _is_own(path: Path, content: bytes) -> bool:
    try:
        found = path.read_bytes()
    except OSError:
        return False
    if found == content or MARK.encode() in found.partition(b"\n")[0]:
        return True
    labels = _labels_inside(path.with_name(MODEL_NAME))
    if labels is None:
        return False
    return path.name in (MODEL_NAME, TABLE_NAME) or found == label_lines(labels)


def _labels_inside(model: Path) -> list[str] | None:
    try:
        return read_archived_labels(model.read_bytes(), LABEL_FILE_NAME)
    except OSError:
        return None
