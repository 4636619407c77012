"""Class folders: each has the photos of one class."""

from pathlib import Path

from ..words import quoted
from .class_names import check_class_name, check_distinct, class_name
from .entries import Ignored, files_below
from .groups import Group, Part


def read_class_folders(
    root: Path, folders: list[Path], part: Part | None, ignored: Ignored
) -> list[Group]:
    """Returns the photos of class folders.

    Args:
        root: The folder that has them.
        folders: The class folders.
        part: The part of the split that they are for.
        ignored: Gets what is no photo.

    Raises:
        ValueError: A folder has no photo, or a name that cannot be used.
    """
    for folder in folders:
        check_class_name(class_name(folder.name), f"the folder {str(folder)!r} must be renamed")
        if folder.is_symlink() and root.resolve().is_relative_to(folder.resolve()):
            raise ValueError(
                f"{folder} is a link to a folder that contains the link. Remove the link."
            )
    check_distinct([folder.name for folder in folders], str(root))
    groups = [Group(class_name(f.name), part, *files_below(f, ignored)) for f in folders]
    empty = [group.label for group in groups if not group.photos and not group.videos]
    if empty:
        raise ValueError(
            f"{root} has class folders without photos: {quoted(empty)}. "
            "Add photos to each of them, or remove the folder."
        )
    return groups
