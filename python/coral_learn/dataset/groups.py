"""Photos that belong together: those of one class, and of one part of a given split."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..words import quoted
from .entries import Ignored

if TYPE_CHECKING:  # tempfile takes some milliseconds to import, and folders need none
    from .temporary import TemporaryFolder

Part = Literal["train", "validation", "test"]
"""A part of a split."""

PART_OF_NAME: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""The names of the parts, in lower case, as folders and listings spell them."""


class Group(NamedTuple):
    """Photos of one class.

    Attributes:
        label: The name of the class.
        part: The part of the split that the photos are for, or None if there is no split.
        photos: The photos.
        videos: The videos whose frames are photos of the class.
    """

    label: str
    part: Part | None
    photos: list[Path]
    videos: list[Path]


class Found(NamedTuple):
    """What a folder, an archive or a listing has.

    Attributes:
        groups: The photos by class and part.
        notes: Facts to tell the user, in one line each.
        ignored: What is no photo.
        temporary: The temporary folders that some of the photos are in.
    """

    groups: list[Group]
    notes: list[str]
    ignored: Ignored
    temporary: "list[TemporaryFolder]"


def check_parts(found: Found, places: Mapping[Part, str]) -> None:
    """Checks that every class has photos to train on, and notes which are not tested.

    Args:
        found: The photos; gets the notes.
        places: What has the photos of each part, for messages.

    Raises:
        ValueError: There is no part to train on, or it lacks a class of another part.
    """
    classes: dict[Part, set[str]] = {}
    for group in found.groups:
        if group.part is not None:
            classes.setdefault(group.part, set()).add(group.label)
    trained = classes.get("train")
    if trained is None:
        raise ValueError(f"{places['train']} has no photos. Add photos to train on.")
    for part, names in classes.items():
        unknown, missing = sorted(names - trained), sorted(trained - names)
        if unknown:
            raise ValueError(
                f"{places[part]} has classes that {places['train']} does not have: "
                f"{quoted(unknown)}. Add training photos of them, or remove these classes."
            )
        if missing:
            found.notes.append(f"{places[part]} has no photos of {quoted(missing, 3)}")
