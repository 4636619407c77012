"""Adding those of some files that are pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..extraction.cache import EmbeddingCache
from ..extraction.photo_file import PhotoError
from ..extraction.photo_rows import SkippedPhoto
from ..progress import Progress
from .project import Project


@dataclass(frozen=True)
class AddedFiles:
    """What became of files that were added.

    Attributes:
        photos: The number of photos that were added.
        copies: The number of photos that the class has already, or that were given twice.
        in_other_classes: The files that another class has, and its name.
        skipped: The files that cannot be read, and why.
    """

    photos: int = 0
    copies: int = 0
    in_other_classes: list[tuple[Path, str]] = field(default_factory=list)
    skipped: list[SkippedPhoto] = field(default_factory=list)


def add_readable(
    project: Project,
    name: str,
    paths: Sequence[Path],
    *,
    device: str | None = None,
    cache: EmbeddingCache | None = None,
    progress: bool | Progress = False,
) -> AddedFiles:
    """Adds those of some files that can be read to a class, which may be new.

    The arguments and errors are those of :meth:`coral_learn.Project.add`, but that it is no error
    if no file can be read.
    """
    skipped: dict[int, SkippedPhoto] = {}

    def skip(number: int, error: PhotoError) -> None:
        skipped[number] = SkippedPhoto.from_error(error)

    if not paths:
        return AddedFiles()
    try:
        added = project.add(
            name, paths, device=device, cache=cache, progress=progress, on_error=skip
        )
    except ValueError:
        if len(skipped) < len(paths):
            raise  # or else none can be read, and why is said of each
        return AddedFiles(skipped=list(skipped.values()))
    readable = [path for number, path in enumerate(paths) if number not in skipped]
    others = [(readable[row], label) for row, label in added.in_other_classes]
    return AddedFiles(added.photos, added.copies, others, list(skipped.values()))
