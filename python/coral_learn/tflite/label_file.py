"""The label file in the zip archive that follows the flatbuffer of a model."""

import io
import zipfile
from collections.abc import Sequence
from contextlib import suppress

from ..labels import label_list
from .metadata import LABEL_FILE_NAME

# The exporter of Ultralytics appends the first; before 2025, the second.
_ULTRALYTICS_FILES = ("metadata.json", "temp_meta.txt")
_MAX_LABEL_BYTES = 1 << 22
_MAX_LABELS = 1 << 17
_MAX_FILES = 100
_DIRECTORY_ENTRY = b"PK\1\2"
# With other compression methods, zipfile unpacks all of a chunk at once, however large it is.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# The first time that zip can store, so that the same labels always give the same bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def read_archived_labels(content: bytes, name: str | None) -> list[str] | None:
    """Returns the labels in a file of the archive that a model ends with.

    Args:
        content: The model file.
        name: The name of the label file; None for a file with Ultralytics' metadata.

    Returns:
        The label of each class index, one per line of the file or in a dictionary of names; the
        index itself if the line is empty or there is no name. None if there is no such file, or it
        cannot be read.
    """
    if name is not None:
        text = _read_text(content, name)
        return _archived_labels(text) if text else None
    if not content.count(_DIRECTORY_ENTRY):
        return None
    from ..label_formats import find_names  # few models have such a file

    for name in _ULTRALYTICS_FILES:
        names = find_names(_read_text(content, name) or "")
        if names:
            return label_list(names)
    return None


def append_archived_labels(content: bytes, labels: Sequence[str]) -> bytes:
    """Returns a packed model with its labels appended.

    Args:
        content: The model.
        labels: Labels that :func:`~coral_learn.labels.check_line` accepts.
    """
    text = "".join(f"{label}\n" for label in labels)
    entry = zipfile.ZipInfo(LABEL_FILE_NAME, _NO_TIME)
    entry.create_system = 3  # on every system, so that the bytes are the same
    file = io.BytesIO()
    file.write(content)
    # Stored, not compressed: the runtimes' own metadata readers accept nothing else.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, text.encode("utf-8", "replace"))
    return file.getvalue()


def _archived_labels(text: str) -> list[str] | None:
    """Returns the labels in one file, one per line or in a dictionary."""
    if text.lstrip().startswith("{"):
        from ..label_formats import find_names

        names = find_names(text)
        if names is not None:
            return label_list(names)
    lines = (line.removesuffix("\r").replace("\r", " ") for line in text.rstrip("\r\n").split("\n"))
    return [line or str(index) for index, line in enumerate(lines)]


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
        with suppress(UnicodeDecodeError):
            return data.decode("utf-8-sig")
        from ..label_formats import decode_text

        return decode_text(data)
    except Exception:  # zipfile raises a dozen types on archives that are missing or damaged
        return None
