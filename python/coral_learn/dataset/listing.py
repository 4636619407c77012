"""Listings of photos: files with the path and the class of each photo."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..words import counted, listed
from .addresses import is_address, local_path
from .class_names import check_class_name, check_distinct, class_name
from .entries import Ignored
from .groups import PART_OF_NAME, Found, Group, Part, check_parts
from .listing_rows import ListingRow, read_rows
from .origins import PhotoOrigin
from .suffixes import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from .remote import RemotePhotos

_PARTS: dict[str, Part] = {**PART_OF_NAME, "dev": "validation", "": "train"}
_PART_NAMES: dict[Part, str] = {"train": "train", "validation": "val", "test": "test"}


def find_in_listing(listing: Path, within: Path | None = None) -> Found:
    """Finds the photos that a listing names; see :func:`read_rows` for the formats.

    The paths are relative to the folder of the listing, or addresses such as
    ``s3://bucket/1.jpg``.

    Args:
        listing: A CSV or JSON Lines file.
        within: The folder that all photos must be in; None allows any.

    Raises:
        ValueError: The listing cannot be read, or names files that do not exist.
        OSError: The listing cannot be read.
    """
    rows = read_rows(listing)
    remote = _remote_photos(listing, rows, within)
    paths = _existing_paths(listing, rows, within, remote)
    labels = [_label(listing, row) for row in rows]
    check_distinct(dict.fromkeys(labels), str(listing))
    found = Found([], [], Ignored(), [] if remote is None else [remote])
    parts: list[Part | None] = [None] * len(rows)
    if any(row.part for row in rows):
        parts = [_part(listing, row) for row in rows]
    groups: dict[tuple[str, Part | None], set[Path]] = {}
    for path, label, part in zip(paths, labels, parts, strict=True):
        groups.setdefault((label, part), set()).add(path)
    for (label, part), files in groups.items():
        videos = {path for path in files if path.suffix.lower() in VIDEO_SUFFIXES}
        found.groups.append(Group(label, part, sorted(files - videos), sorted(videos)))
    repeated = len(rows) - sum(map(len, groups.values()))
    if repeated:
        found.notes.append(f"{listing} names {counted(repeated, 'photo')} more than once")
    if parts[0] is not None:
        places = {part: f"{listing} (split {name})" for part, name in _PART_NAMES.items()}
        check_parts(found, places)
        found.notes.append(f"the split that {listing} gives is used")
    return found


def _label(listing: Path, row: ListingRow) -> str:
    label = class_name(row.label)
    check_class_name(label, f"{listing}, line {row.line}, must be changed")
    return label


def _part(listing: Path, row: ListingRow) -> Part:
    part = _PARTS.get(row.part.casefold())
    if part is None:
        raise ValueError(
            f"{listing}, line {row.line}: the split {row.part!r} is not known. Use train, val or "
            "test."
        )
    return part


def _remote_photos(
    listing: Path, rows: list[ListingRow], within: Path | None
) -> RemotePhotos | None:
    """Returns a folder for the photos that a listing names by their addresses, if there are any."""
    if within is not None or not any(is_address(row.path) for row in rows):
        return None
    from .remote import RemotePhotos  # most photos are on this machine

    return RemotePhotos(str(listing))


def _existing_paths(
    listing: Path, rows: list[ListingRow], within: Path | None, remote: RemotePhotos | None
) -> list[Path]:
    paths = []
    missing = []
    for row in rows:
        if remote is not None and is_address(row.path):
            paths.append(remote.add(PhotoOrigin(row.path, row.path, None, "")))
            continue
        name = local_path(row.path)
        if "://" in name:
            raise ValueError(
                f"{listing}, line {row.line}: {row.path} is an address, not a file. Download the "
                "photos, and write their paths into the listing."
            )
        path = _existing_path(listing.parent, name)
        if path is None:
            missing.append(f"{row.path} (line {row.line})")
        elif within is not None and not path.resolve().is_relative_to(within.resolve()):
            raise ValueError(f"{listing}, line {row.line}: {row.path} is outside of the archive.")
        else:
            paths.append(path)
    if missing:
        raise ValueError(
            f"{listing} names {counted(len(missing), 'file')} that cannot be found in "
            f"{listing.parent}: {listed(missing)}. Correct the paths, or move the listing into the "
            "folder that they start from."
        )
    return paths


def _existing_path(folder: Path, name: str) -> Path | None:
    """Returns the path of a file; on Windows its name was perhaps written with backslashes."""
    for written in (name, name.replace("\\", "/")):
        path = os.path.normpath(folder / written)
        try:
            if os.path.isfile(path):  # noqa: PTH113 (100,000 Paths take time)
                return Path(path)
        except ValueError:  # a null character
            break
    return None
