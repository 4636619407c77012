"""Adding the pictures that a page sent to a class."""

from collections.abc import Callable
from typing import Any

from ..extraction.photo_file import PhotoError
from ..extraction.photo_rows import SkippedPhoto
from ..progress import Progress
from ..project.project import Project
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
    skipped = list(pictures.skipped)
    unreadable: set[int] = set()

    def skip(number: int, error: PhotoError) -> None:
        unreadable.add(number)
        skipped.append(SkippedPhoto(name_of(error.name), error.reason))

    result: dict[str, Any] = {"added": 0, "copies": 0, "other_classes": []}
    try:
        if pictures.paths:
            added = project.add(
                name, pictures.paths, device=device, progress=progress, on_error=skip
            )
            readable = [path for row, path in enumerate(pictures.paths) if row not in unreadable]
            result = {
                "added": added.photos,
                "copies": added.copies,
                "other_classes": [
                    {"name": name_of(str(readable[row])), "class": label}
                    for row, label in added.in_other_classes
                ],
            }
    except ValueError:
        if len(unreadable) < len(pictures.paths):
            raise  # or else none can be read, and why is said of each
    return result | {
        "similar": pictures.similar,
        "skipped": [{"name": each.path, "reason": each.reason} for each in skipped],
    }
