"""Layouts of folders: where the class folders are, or what tells the classes in their place."""

from pathlib import Path

from ..words import counted
from .class_folders import read_class_folders
from .entries import Entries, Ignored, has_photos, list_entries, metadata_listing, unreadable
from .groups import PART_OF_NAME, Found

_MAX_WRAPPERS = 8


def find_in_folder(path: Path, within: Path | None = None) -> Found:
    """Finds the photos of each class in a folder.

    The class folders lie in the folder itself, or in its ``train``, ``val`` and ``test``. A single
    folder around all of these is entered, and so is Frigate's ``dataset``. Without class folders, a
    listing or archives in the folder tell the class of each photo.

    Args:
        path: The folder.
        within: The folder that all photos of a listing must be in; None allows any.

    Raises:
        ValueError: The folder cannot be read, has no class folder, or one whose photos cannot be
            used.
    """
    found = Found([], [], Ignored(), [])
    root, entries = _enter_wrappers(path, found)
    folders = entries.class_folders
    if len(folders) < 2 or metadata_listing(root) is not None:
        from .unsorted_photos import find_in_unsorted_folder

        if find_in_unsorted_folder(root, entries, found, within):
            return found
    if any(folder.name.casefold() in PART_OF_NAME for folder in folders):
        from .split_folders import find_in_parts

        if find_in_parts(root, folders, found, within):
            return found
    if entries.photos:
        found.notes.append(
            f"ignored {counted(len(entries.photos), 'photo')} beside the class folders in {root}"
        )
    found.groups.extend(read_class_folders(root, folders, None, found.ignored))
    return found


def _enter_wrappers(path: Path, found: Found) -> tuple[Path, Entries]:
    """Returns the folder that has the class folders, and its entries."""
    root = path
    for _ in range(_MAX_WRAPPERS):
        try:
            entries = list_entries(root, found.ignored)
        except FileNotFoundError:
            raise ValueError(
                f"the folder {root} does not exist. Give the folder of your photos."
            ) from None
        except OSError as error:
            raise unreadable(error) from error
        folders = entries.class_folders
        inner = _wrapped_folder(root, entries)
        if inner is None:
            break
        if len(folders) == 1:
            found.notes.append(f"the classes are taken from {inner}, the only folder in {root}")
        else:
            found.notes.append(
                f"{root} is laid out as by Frigate: the classes are taken from {inner} alone"
            )
        root = inner
    return root, entries


def _wrapped_folder(root: Path, entries: Entries) -> Path | None:
    """Returns the folder in a folder that holds all class folders, or None if there is none."""
    if entries.photos or entries.videos or metadata_listing(root) is not None:
        return None
    folders = entries.class_folders
    if len(folders) == 1:
        return folders[0] if _holds_classes(folders[0]) else None
    frigate = [folder for folder in folders if folder.name == "dataset"]
    others = [folder for folder in folders if folder.name != "dataset"]
    if frigate and _inner_folders(frigate[0]) and all(map(_is_no_class, others)):
        return frigate[0]
    return None


def _holds_classes(folder: Path) -> bool:
    """Tells whether a folder holds several class folders, or a folder that does, and no photos."""
    for _ in range(_MAX_WRAPPERS):
        if metadata_listing(folder) is not None:
            return True
        inner = _inner_folders(folder)
        if len(inner) != 1:
            return len(inner) > 1
        folder = inner[0]
    return False


def _inner_folders(folder: Path) -> list[Path]:
    """Returns the folders with photos in a folder, or none if it has photos of its own."""
    entries = list_entries(folder, Ignored())
    if entries.photos or entries.videos:
        return []
    return [inner for inner in entries.class_folders if has_photos(inner)]


def _is_no_class(folder: Path) -> bool:
    """Tells whether a folder holds Frigate's crops that are not sorted yet, or no photos."""
    if folder.name == "train":
        return not list_entries(folder, Ignored()).folders
    return not has_photos(folder)
