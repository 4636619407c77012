"""The photos to embed, and which of them a folder of embedded photos lacks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ...dataset.addresses import is_address, local_path
from ...dataset.folder import ImageFolder
from ...embedded.part import PhotoKey, PhotoVersion


class ListedPhoto(NamedTuple):
    """A photo to embed.

    Attributes:
        location: The path or the address that it is read from; of a photo in an archive, that of a
            copy.
        key: What its row is about.
        version: Its version.
    """

    location: str
    key: PhotoKey
    version: PhotoVersion


class Comparison(NamedTuple):
    """How a folder of embedded photos differs from its source.

    Attributes:
        missing: The photos to embed: those that are new or changed.
        outdated: The rows of photos that changed or are gone.
        gone: The number of rows of photos that are gone, or in another class now.
    """

    missing: list[ListedPhoto]
    outdated: set[PhotoKey]
    gone: int


def source_name(photos: str | os.PathLike[str]) -> str:
    """Returns the absolute path or the address of a source of photos."""
    given = local_path(os.fspath(photos))
    return given if is_address(given) else str(Path(given).absolute())


def list_source(folder: ImageFolder) -> list[ListedPhoto]:
    """Returns the photos of a source, as they are listed."""
    split: dict[int, str] = {}
    if folder.split is not None:
        for part in ("train", "validation", "test"):
            split |= dict.fromkeys(getattr(folder.split, part).tolist(), part)
    found = []
    for row, label in enumerate(folder.labels.tolist()):
        origin = folder.origin(row)
        key = PhotoKey(origin.name, folder.classes[label], split.get(row))
        version = PhotoVersion(origin.size, origin.version)
        found.append(ListedPhoto(origin.location, key, version))
    return found


def compare(photos: Iterable[ListedPhoto], known: Mapping[PhotoKey, PhotoVersion]) -> Comparison:
    """Finds out which photos are missing in a folder, and which rows are outdated."""
    listed = {photo.key: photo for photo in photos}
    missing = [photo for key, photo in listed.items() if known.get(key) != photo.version]
    gone = known.keys() - listed.keys()
    changed = {photo.key for photo in missing} & known.keys()
    return Comparison(missing, gone | changed, len(gone))
