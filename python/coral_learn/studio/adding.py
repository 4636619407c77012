"""Adding the pictures that a page sent to a class."""

from collections.abc import Callable
from typing import Any

from ..extraction.photo_rows import SkippedPhoto
from ..progress import Progress
from ..project.project import Project
from ..project.readable import add_readable
from .incoming import Pictures


def add_pictures(
    project: Project,
    name: str,
    pictures: Pictures,
    name_of: Callable[[str], str],
    device: str | None,
    progress: Progress,
) -> dict[str, Any]:
    """Adds pictures to a class, and returns what became of each, as plain types.

    Args:
        project: The project.
        name: The name of the class, which may be new.
        pictures: The pictures.
        name_of: Returns the name under which a file was sent.
        device: The device that runs the extractor.
        progress: Called with how many pictures were looked at, and how many there are.

    Raises:
        ValueError: No class can have this name.
    """
    added = add_readable(project, name, pictures.paths, device=device, progress=progress)
    unreadable = [SkippedPhoto(name_of(each.path), each.reason) for each in added.skipped]
    return {
        "added": added.photos,
        "copies": added.copies,
        "other_classes": [
            {"name": name_of(str(path)), "class": label} for path, label in added.in_other_classes
        ],
        "similar": pictures.similar,
        "skipped": [
            {"name": each.path, "reason": each.reason} for each in [*pictures.skipped, *unreadable]
        ],
    }
