"""A folder that is watched for new pictures of a class."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..dataset.different_frames import DifferentFrames
from ..extraction.photo_file import read_photo
from ..extraction.photo_rows import SkippedPhoto
from ..extraction.picture_formats import open_photo
from ..jobs.watch.folder import FolderSource
from ..jobs.watch.picture import Notice, Picture
from .readable import AddedFiles


@dataclass(frozen=True)
class Arrival:
    """What became of pictures that came together.

    Attributes:
        added: What was added, and what was left out because a class has it.
        similar: The number of pictures that were left out because they hardly differ from the one
            before.
    """

    added: AddedFiles
    similar: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain types."""
        return {
            "added": self.added.photos,
            "copies": self.added.copies,
            "similar": self.similar,
            "other_classes": [
                {"path": str(path), "class": label} for path, label in self.added.in_other_classes
            ],
        }


class ClassWatch:
    """New pictures of a folder, which are added to a class as they come.

    A picture that is being written is waited for, and of several that are nearly the same, as a
    camera writes them, the first one counts.
    """

    def __init__(
        self,
        folder: Path,
        project: Path,
        add: Callable[[Sequence[Path]], AddedFiles],
        *,
        existing: bool = False,
    ) -> None:
        """Remembers the pictures that are in the folder.

        Args:
            folder: The folder.
            project: The folder of the project.
            add: Adds pictures to the class.
            existing: Whether to add the pictures that are there now, too.

        Raises:
            ValueError: The folder cannot be read, or has to do with the project itself.
        """
        check_watched(folder, project)
        self._source = FolderSource(folder, existing=existing)
        self._add = add
        self._frames = DifferentFrames()

    def events(
        self, wait: Callable[[float], object] = time.sleep
    ) -> Iterator[Arrival | SkippedPhoto | Notice]:
        """Yields what happens, after it is saved.

        Args:
            wait: Waits for some seconds; the watch ends when it returns something true.

        Raises:
            ValueError: The class cannot be added to.
            EdgeTpuError: The device failed.
            OSError: The project cannot be written.
        """
        for news in self._source.looks(wait):
            yield from (each for each in news if isinstance(each, Notice))
            pictures = [each for each in news if isinstance(each, Picture)]
            states = [(each, self._is_new(each)) for each in pictures]
            paths = [Path(str(each.origin["path"])) for each, is_new in states if is_new]
            similar = sum(is_new is False for _, is_new in states)
            if not paths and not similar:
                continue
            added = self._add(paths)
            if similar or len(added.skipped) < len(paths):
                yield Arrival(added, similar)
            yield from added.skipped

    def _is_new(self, picture: Picture) -> bool | None:
        """Tells whether a picture differs from the one before; None if it will come again."""
        try:
            with open_photo(read_photo(str(picture.origin["path"])).content) as image:
                return self._frames.is_new(image)
        except Exception:  # Pillow raises many types; why it cannot be read is said later
            return None if self._source.will_come_again(picture) else True


def check_watched(folder: Path, project: Path) -> None:
    """Refuses to watch a project, whose pictures would be added to it again.

    Raises:
        ValueError: One of the folders is in the other.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder. Give a folder that new pictures come into.")
    watched, own = folder.resolve(), project.resolve()
    if watched == own or watched in own.parents or own in watched.parents:
        raise ValueError(
            f"{folder} cannot be watched for the project {project}, as one is in the other. Give "
            "a folder beside it."
        )
