"""The folder for the results of a retraining."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..dataset.entries import is_system_name
from ..files import exclusive_lock, write_atomically
from .saved_model import LABEL_MAP_NAME

LOCK_NAME = ".lock"
"""The file in the folder by which processes keep each other out."""


def prepare_output_folder(output: str | os.PathLike[str], data_dir: Path) -> Path:
    """Creates the folder for the results, and fails now rather than after minutes of work.

    Args:
        output: The folder for the results.
        data_dir: The folder of the photos.

    Raises:
        ValueError: The output is the folder of the photos, or lies in it.
        OSError: The folder cannot be written.
    """
    _check_is_apart(output, data_dir)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".{LABEL_MAP_NAME}.probe"
    try:
        write_atomically(probe, b"")
    finally:
        probe.unlink(missing_ok=True)
    return folder


@contextmanager
def locked_output_folder(output: str | os.PathLike[str], data_dir: Path) -> Iterator[Path]:
    """Prepares a folder as :func:`prepare_output_folder` does, and keeps other processes out of it.

    Folders that this has created are removed in the end if nothing was written into them.

    Args:
        output: The folder for the results.
        data_dir: The folder of the photos.

    Yields:
        The folder.

    Raises:
        ValueError: The output is the folder of the photos, or lies in it.
        OSError: The folder cannot be written.
    """
    path = Path(output).absolute()
    created = [each for each in (path, *path.parents) if not each.exists()]
    folder = prepare_output_folder(output, data_dir)
    try:
        with exclusive_lock(folder / LOCK_NAME):
            yield folder
    finally:
        _remove_unused(created)


def _remove_unused(folders: Sequence[Path]) -> None:
    """Removes new folders, the innermost first, if it has nothing but a lock."""
    if folders and [path.name for path in folders[0].iterdir()] == [LOCK_NAME]:
        (folders[0] / LOCK_NAME).unlink()
        for folder in folders:
            folder.rmdir()


def _check_is_apart(output: str | os.PathLike[str], data_dir: Path) -> None:
    """Checks that the results do not lie among the photos, where they would become a class."""
    results, photos = Path(output).resolve(), data_dir.resolve()
    if not results.is_relative_to(photos) or not photos.is_dir():
        return
    if any(is_system_name(part) for part in results.relative_to(photos).parts):
        return  # such folders are never classes
    beside = data_dir.parent / f"{photos.name}-model"
    raise ValueError(
        f"the output folder {output} lies in the folder of the photos, {data_dir}, where the next "
        f"training would take it for a class. Choose a folder outside of it, such as {beside}."
    )
