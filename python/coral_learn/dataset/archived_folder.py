"""The photos of each class in an archive of a folder."""

from pathlib import Path

from .archive import unpack
from .entries import Ignored
from .groups import Found
from .layouts import find_in_folder
from .suffixes import ZIP_SUFFIXES
from .temporary import TemporaryFolder
from .webdataset import SAMPLE_SUFFIXES, find_samples


def find_in_archive(archive: Path) -> Found:
    """Finds the photos of each class in an archive.

    Raises:
        ValueError: The archive cannot be unpacked, or has no photos by class.
        OSError: The archive cannot be read, or the photos cannot be written.
    """
    folder = TemporaryFolder(archive)
    ignored = Ignored()
    is_tar = not archive.name.lower().endswith(ZIP_SUFFIXES)
    unpack(archive, folder.path, ignored, SAMPLE_SUFFIXES if is_tar else ())
    try:
        found = find_samples(archive, folder.path) if is_tar else None
        if found is None:
            found = find_in_folder(folder.path, within=folder.path)
    except ValueError as error:
        raise ValueError(folder.shown(str(error))) from error
    found.temporary.append(folder)
    found.ignored.update(ignored)
    return found
