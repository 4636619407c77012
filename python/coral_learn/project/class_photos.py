"""The photos that a user gives for one class: files, and folders of photos."""

import shlex
from pathlib import Path

from ..dataset.entries import Ignored, has_photos, list_entries, photos_below, unreadable
from ..words import counted

_MAX_COMMANDS = 5


def photos_of_class(given: Path, project: Path, name: str) -> list[Path]:
    """Returns a photo, or the photos in a folder at any depth.

    Args:
        given: A photo or a folder.
        project: The folder of the project, for the commands in an error.
        name: The name of the class.

    Raises:
        ValueError: The folder cannot be read, has no photos, or is a folder of class folders.
    """
    if not given.is_dir():
        return [given]
    ignored = Ignored()
    try:
        entries = list_entries(given, ignored)
    except OSError as error:
        raise unreadable(error) from error
    folders = [folder for folder in sorted(map(Path, entries.folders)) if has_photos(folder)]
    if not entries.photos and len(folders) > 1:
        raise ValueError(_several_classes(given, folders, project, name))
    photos = photos_below(given)
    if not photos:
        found = f" ({ignored})" if ignored else ""
        raise ValueError(f"the folder {given} has no photos{found}. Give a folder of photos.")
    return photos


def _several_classes(given: Path, folders: list[Path], project: Path, name: str) -> str:
    commands = [
        f"`coral-learn project add {_quoted(project, folder.name, folder)}`"
        for folder in folders[:_MAX_COMMANDS]
    ]
    if len(folders) > _MAX_COMMANDS:
        commands.append(f"{len(folders) - _MAX_COMMANDS} more")
    together = _quoted(project, name, *folders[:_MAX_COMMANDS])
    more = " ..." if len(folders) > _MAX_COMMANDS else ""
    return (
        f"{given} has no photos of its own but {counted(len(folders), 'folder')} of photos, like a "
        f"folder of class folders. Add each as a class of its own: {', '.join(commands)}. If all "
        f"of them show {name!r}: `coral-learn project add {together}{more}`."
    )


def _quoted(*parts: object) -> str:
    return shlex.join(map(str, parts))
