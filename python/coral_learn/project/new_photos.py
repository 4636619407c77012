"""Photos that are added to a project: which of them it does not have yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..words import counted


@dataclass(frozen=True)
class AddedPhotos:
    """What adding photos has changed.

    Attributes:
        photos: The number of photos that were added.
        copies: The number of photos that were left out, because the class has them already or they
            were given twice.
        in_other_classes: The photos that were left out because another class has them: the index
            of each photo among those that can be read, and the name of the class.
    """

    photos: int
    copies: int = 0
    in_other_classes: list[tuple[int, str]] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Facts that the user should know, a sentence each."""
        if not self.copies:
            return []
        return [
            f"{counted(self.copies, 'photo was', 'photos were')} left out, because the class has "
            f"{'it' if self.copies == 1 else 'them'} already or exact copies were given"
        ]


def find_new_photos(
    digests: Sequence[bytes], class_of: Mapping[bytes, str], name: str
) -> tuple[list[int], AddedPhotos]:
    """Finds the photos that a project does not have yet, by the content of their files.

    Args:
        digests: The digest of each photo's file; a photo without one, b"", is always new.
        class_of: The class of each digest in the project.
        name: The name of the class that the photos are added to.

    Returns:
        The indices of the new photos, and what happens to all of them.
    """
    new: list[int] = []
    seen: set[bytes] = set()
    copies, elsewhere = 0, []
    for index, digest in enumerate(digests):
        other = class_of.get(digest) if digest else None
        if other not in (None, name):
            elsewhere.append((index, str(other)))
        elif other == name or digest in seen:
            copies += 1
        else:
            new.append(index)
        if digest:
            seen.add(digest)
    return new, AddedPhotos(len(new), copies, elsewhere)
