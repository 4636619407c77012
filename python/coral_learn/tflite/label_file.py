"""The label file in the zip archive that follows the flatbuffer of a model."""

import io
import zipfile
from collections.abc import Sequence

from .metadata import LABEL_FILE_NAME

_MAX_LABEL_BYTES = 1 << 22
_MAX_LABELS = 1 << 17
_MAX_FILES = 100
_DIRECTORY_ENTRY = b"PK\1\2"
# With other compression methods, zipfile unpacks all of a chunk at once, however large it is.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# The first time that zip can store, so that the same labels always give the same bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def read_archived_labels(content: bytes, name: str) -> list[str] | None:
    """Returns the labels in a file of the archive that a model ends with.

    Args:
        content: The model file.
        name: The name of the label file.

    Returns:
        The label of each class index, one per line of the file; the index itself if the line is
        empty. None if there is no such file, or it cannot be read.
    """
    text = _read_text(content, name)
    if not text:
        return None
    lines = (line.removesuffix("\r").replace("\r", " ") for line in text.rstrip("\r\n").split("\n"))
    return [line or str(index) for index, line in enumerate(lines)]


def append_archived_labels(content: bytes, labels: Sequence[str]) -> bytes:
    """Returns a packed model with its labels appended; see :func:`check_labels`."""
    text = "".join(f"{label}\n" for label in labels)
    entry = zipfile.ZipInfo(LABEL_FILE_NAME, _NO_TIME)
    entry.create_system = 3  # on every system, so that the bytes are the same
    file = io.BytesIO()
    file.write(content)
    # Stored, not compressed: the runtimes' own metadata readers accept nothing else.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, text.encode("utf-8", "replace"))
    return file.getvalue()


def check_labels(labels: Sequence[str]) -> None:
    """Checks that each label fits on a line of its own.

    Raises:
        ValueError: A label is empty or contains a line break.
    """
    for label in labels:
        if not label or "\n" in label or "\r" in label:
            raise ValueError(f"a label must be one line of text, not {label!r}")


def _read_text(content: bytes, name: str) -> str | None:
    if content.count(_DIRECTORY_ENTRY) > _MAX_FILES:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = archive.getinfo(name)
            if entry.compress_type not in _METHODS:
                return None
            with archive.open(entry) as file:
                data = file.read(_MAX_LABEL_BYTES + 1)
        if len(data) > _MAX_LABEL_BYTES or data.count(b"\n") > _MAX_LABELS:
            return None
        return data.decode("utf-8-sig")
    except Exception:  # zipfile raises a dozen types on archives that are missing or damaged
        return None
