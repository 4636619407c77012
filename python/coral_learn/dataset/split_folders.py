"""A split that is given by folders: train, val and test, with the same class folders in each."""

from pathlib import Path

from ..words import quoted
from .class_folders import read_class_folders
from .class_names import check_distinct
from .entries import Ignored, has_photos, list_entries, metadata_listing
from .groups import PART_OF_NAME, Found, Part, check_parts
from .listing import find_in_listing
from .suffixes import LISTING_SUFFIXES

_ORDER: tuple[Part, ...] = ("train", "validation", "test")


def find_in_parts(root: Path, folders: list[Path], found: Found, within: Path | None) -> bool:
    """Finds the photos in the folders of a split.

    A class may be called ``train`` too. Folders of these names are a split only if they have class
    folders in them, and if no other class lies beside them.

    Args:
        root: The folder that has the folders of the parts.
        folders: The folders in it.
        found: Gets the photos and the notes.
        within: The folder that all photos of a listing must be in; None allows any.

    Returns:
        False if there is no split, so that all folders are classes.

    Raises:
        ValueError: The folders are a split that is not complete.
    """
    named = [folder for folder in folders if folder.name.casefold() in PART_OF_NAME]
    others = [folder.name for folder in folders if folder not in named and has_photos(folder)]
    nested = [folder for folder in named if _has_class_folders(folder)]
    if not nested or (others and len(nested) == 1):
        if not others and len(named) > 1:
            _note_of_classes(root, named, found)
        return False
    if others:
        raise ValueError(
            f"{root} has {_named(nested)} with class folders, and beside them the folders "
            f"{quoted(others, 3)}. Move these away if the photos are split already, or put all "
            "class folders side by side."
        )
    _read_parts(root, _parts(root, named), found, within)
    return True


def _has_class_folders(folder: Path) -> bool:
    if metadata_listing(folder) is not None:
        return True
    return any(has_photos(inner) for inner in list_entries(folder, Ignored()).class_folders)


def _note_of_classes(root: Path, named: list[Path], found: Found) -> None:
    listings = sorted(p for p in root.iterdir() if p.suffix.lower() in LISTING_SUFFIXES)
    if listings:
        raise ValueError(
            f"{root} has {_named(named)} with photos that are in no class folder. If "
            f"{listings[0]} lists their classes, give that file; if not, sort the photos into "
            "class folders."
        )
    found.notes.append(
        f"{_named(named)} in {root} have photos but no class folders, so that they are taken for "
        f"{len(named)} classes"
    )


def _parts(root: Path, named: list[Path]) -> dict[Part, Path]:
    """Returns the folder of each part, to train on first."""
    parts: dict[Part, Path] = {}
    for folder in named:
        other = parts.setdefault(PART_OF_NAME[folder.name.casefold()], folder)
        if other != folder:
            raise ValueError(
                f"{root} has both {other.name}/ and {folder.name}/, which mean the same part of a "
                "split. Put their photos together, or remove one."
            )
    if "train" not in parts:
        raise ValueError(
            f"{root} has {_named(named)}, but no train/. Add it, or give one of these folders, "
            f"such as {named[0]}."
        )
    return {part: parts[part] for part in _ORDER if part in parts}


def _read_parts(root: Path, parts: dict[Part, Path], found: Found, within: Path | None) -> None:
    for part, folder in parts.items():
        metadata = metadata_listing(folder)
        if metadata is not None:
            inner = find_in_listing(metadata, within)
            found.groups.extend(group._replace(part=part) for group in inner.groups)
            found.temporary.extend(inner.temporary)
            continue
        entries = list_entries(folder, found.ignored)
        if entries.photos or entries.videos or not entries.class_folders:
            what = "photos that are in no class folder" if entries.photos else "no class folders"
            advice = "" if part == "train" else f", or train on {parts['train']} alone"
            raise ValueError(f"{folder} has {what}. Sort the photos into class folders{advice}.")
        found.groups.extend(read_class_folders(folder, entries.class_folders, part, found.ignored))
    check_distinct(sorted({group.label for group in found.groups}), str(root))
    check_parts(found, {part: str(folder) for part, folder in parts.items()})
    found.notes.append(f"{_named(list(parts.values()))} in {root} are used as the split")


def _named(folders: list[Path]) -> str:
    """Returns ``train/, val/ and test/``."""
    names = [f"{folder.name}/" for folder in folders]
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
