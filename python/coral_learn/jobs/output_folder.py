"""The folder for the results of a retraining."""

import os
from pathlib import Path

from ..dataset.entries import is_system_name
from ..files import write_atomically
from .saved_model import LABEL_MAP_NAME


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
