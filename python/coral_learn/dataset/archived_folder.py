"""The photos of each class in an archive of a folder."""

from pathlib import Path

from .archive import unpack
from .entries import Ignored
from .groups import Found
from .layouts import find_in_folder
from .temporary import TemporaryFolder


def find_in_archive(archive: Path) -> Found:
    """Finds the photos of each class in an archive.

    Raises:
        ValueError: The archive cannot be unpacked, or has no photos by class.
        OSError: The archive cannot be read, or the photos cannot be written.
    """
    folder = TemporaryFolder(archive)
    ignored = Ignored()
    unpack(archive, folder.path, ignored)
    try:
        found = find_in_folder(folder.path, within=folder.path)
    except ValueError as error:
        raise ValueError(folder.shown(str(error))) from error
    found.temporary.append(folder)
    found.ignored.update(ignored)
    return found
