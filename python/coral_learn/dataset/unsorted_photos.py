"""Photos without class folders: a listing or one archive for each class tells their classes."""

from pathlib import Path

from ..words import listed
from .archive import unpack
from .class_names import check_class_name, check_distinct, class_name
from .entries import Entries, files_below, metadata_listing
from .groups import Found, Group
from .listing import find_in_listing
from .suffixes import LISTING_SUFFIXES
from .temporary import TemporaryFolder

# Teachable Machine saves the photos of one class as CLASS-samples.zip. Its project file is a zip
# file in which they are named CLASS-!-0.jpg, CLASS-!-1.jpg ...
_SAMPLES = "-samples"
_SEPARATOR = "-!-"


def find_in_unsorted_folder(
    root: Path, entries: Entries, found: Found, within: Path | None
) -> bool:
    """Finds photos in a folder that has at most one folder in it, or Hugging Face's listing.

    Args:
        root: The folder.
        entries: Its entries.
        found: Gets the photos and the notes.
        within: The folder that all photos must be in; None allows any.

    Returns:
        False if the only folder in it is a class folder.

    Raises:
        ValueError: The folder has no class folders, and nothing that takes their place.
    """
    listings = sorted(p for p in root.iterdir() if p.suffix.lower() in LISTING_SUFFIXES)
    archives = sorted(p for p in root.iterdir() if p.suffix.lower() == ".zip")
    listing = metadata_listing(root) or (listings[0] if len(listings) == 1 else None)
    if listing is not None:
        try:
            inner = find_in_listing(listing, within)
        except ValueError:
            if not entries.class_folders:
                raise
            return False  # the listing is about something else
        found.ignored.forget(listing.name)
        found.groups.extend(inner.groups)
        found.temporary.extend(inner.temporary)
        found.notes.extend([f"the classes are taken from {listing}", *inner.notes])
        return True
    if entries.class_folders:
        return False
    if entries.photos and all(_SEPARATOR in Path(photo).name for photo in entries.photos):
        _find_samples(root, entries.photos, found)
        return True
    if not archives:
        raise ValueError(_without_classes(root, listings))
    _find_in_archives(root, archives, found)
    return True


def _find_samples(root: Path, photos: list[str], found: Found) -> None:
    samples: dict[str, list[Path]] = {}
    for photo in sorted(map(Path, photos)):
        samples.setdefault(class_name(photo.stem.rpartition(_SEPARATOR)[0]), []).append(photo)
    check_distinct(samples, str(root))
    for name, paths in samples.items():
        check_class_name(name, f"the class of {paths[0]} must be renamed")
        found.groups.append(Group(name, None, paths, []))
    found.notes.append(f"the classes are taken from the names of the photos in {root}")


def _find_in_archives(root: Path, archives: list[Path], found: Found) -> None:
    names = [class_name(archive.stem.removesuffix(_SAMPLES)) for archive in archives]
    check_distinct(names, str(root))
    for name, archive in zip(names, archives, strict=True):
        check_class_name(name, f"{archive} must be renamed")
        found.ignored.forget(archive.name)
        folder = TemporaryFolder(archive)
        found.temporary.append(folder)
        unpack(archive, folder.path, found.ignored)
        photos, videos = files_below(folder.path, found.ignored)
        if not photos and not videos:
            raise ValueError(f"{archive} has no photos. Add photos to it, or remove it.")
        found.groups.append(Group(name, None, photos, videos))
    found.notes.append(
        f"each archive in {root} is a class: {listed([archive.name for archive in archives])}"
    )


def _without_classes(root: Path, listings: list[Path]) -> str:
    text = (
        f"{root} has no class folders. Put the photos of each class into a folder of their own, "
        f"such as {root / 'daisy'}"
    )
    if listings:
        return f"{text}, or give the listing with their classes, such as {listings[0]}."
    return f"{text}, or give a CSV file with a line such as 1.jpg,daisy for each photo."
