"""Tar files of samples, as WebDataset has them: 000001.jpg, and its class in 000001.cls."""

import json
from collections.abc import Callable
from pathlib import Path

from .class_names import check_class_name, check_distinct, class_name
from .entries import Ignored, files_below
from .groups import Found, Group
from .listing_rows import LABEL_NAMES

_MAX_BYTES = 100_000  # of a file with a class


def find_samples(archive: Path, folder: Path) -> Found | None:
    """Finds the samples of an archive: photos, each with its class in a file beside it.

    A file ``.cls``, ``.label`` or ``.txt`` has the class as text, and ``.json`` as ``label``,
    ``class`` or another name that a listing may have.

    Args:
        archive: The archive.
        folder: Where it was unpacked.

    Returns:
        None if a photo has no such file, so that it is no archive of samples.

    Raises:
        ValueError: The class of a photo cannot be read or used.
    """
    photos = files_below(folder, Ignored()).photos
    if not photos or _label_file(photos[0]) is None:
        return None
    files = [_label_file(photo) for photo in photos]
    if None in files:
        return None
    groups: dict[str, list[Path]] = {}
    for photo, file in zip(photos, files, strict=True):
        assert file is not None
        groups.setdefault(_label(file), []).append(photo)
    check_distinct(groups, str(archive))
    found = Found(
        [], [f"the classes are taken from the files beside the photos in {archive}"], Ignored(), []
    )
    found.groups.extend(Group(label, None, paths, []) for label, paths in groups.items())
    return found


def _label_file(photo: Path) -> Path | None:
    key = photo.name.partition(".")[0]
    beside = (photo.with_name(key + suffix) for suffix in _READERS)
    return next((file for file in beside if file.is_file()), None)


def _label(file: Path) -> str:
    if file.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{file} is too large for the class of a photo.")
    try:
        text = _READERS[file.suffix](file.read_text(encoding="utf-8-sig")).strip()
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} does not have the class of a photo: {error}.") from error
    label = class_name(text)
    check_class_name(label, f"{file} must be changed")
    return label


def _label_in_json(text: str) -> str:
    record = json.loads(text)
    values = record.items() if isinstance(record, dict) else ()
    for key, value in values:
        if key.casefold() in LABEL_NAMES and isinstance(value, str | int):
            return str(value)
    raise ValueError(f"it has none of {', '.join(sorted(LABEL_NAMES))}")


# By how sure it is that the file is about the class: a text may be a caption.
_READERS: dict[str, Callable[[str], str]] = {
    ".cls": str,
    ".label": str,
    ".json": _label_in_json,
    ".txt": str,
}
SAMPLE_SUFFIXES = tuple(_READERS)
"""The suffixes of the files with the class of a sample."""
