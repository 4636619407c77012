"""Photos that are added to a project: their embeddings, and which of them are new."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..embeddings import Embeddings
from ..extraction.cache import EmbeddingCache
from ..extraction.images import ImageSource
from ..extraction.photo_rows import OnError, PhotoRows
from ..progress import Progress
from ..tflite.file import ModelFile
from ..words import counted, quoted
from .photo_views import extract_rows, views_of

PhotoPath = str | os.PathLike[str]


@dataclass(frozen=True)
class AddedPhotos:
    """What adding photos has changed.

    Attributes:
        photos: The number of photos that were added.
        copies: The number of photos that were left out, because the class has them already or they
            were given twice.
        in_other_classes: The photos that were left out because another class has them: the index
            of each photo among those that can be read, and the name of the class.
        example: The path of the first of these.
    """

    photos: int
    copies: int = 0
    in_other_classes: list[tuple[int, str]] = field(default_factory=list)
    example: str = ""

    @property
    def notes(self) -> list[str]:
        """Facts that the user should know, a sentence each."""
        if not self.copies:
            return []
        return [
            f"{counted(self.copies, 'photo was', 'photos were')} left out, because the class has "
            f"{'it' if self.copies == 1 else 'them'} already or exact copies were given"
        ]


def embed_photos(
    model: ModelFile,
    photos: Iterable[ImageSource],
    *,
    device: str | None,
    cache: EmbeddingCache | None,
    progress: bool | Progress,
    on_error: OnError,
) -> tuple[Sequence[PhotoPath | None], PhotoRows[Embeddings]]:
    """Returns the path of each photo, None for one without a file, and the embeddings.

    The arguments are those of :meth:`coral_learn.EmbeddingExtractor.extract_readable`, and
    ``model`` is the extractor of the project. The rows have an embedding for each view of a photo
    that the project learns, and for each input range that is possible, as long as the range is not
    known.

    Raises:
        ValueError: No photo can be read.
        EdgeTpuError: The device failed.
    """
    extract: Callable[..., PhotoRows[Embeddings]] = extract_rows
    if model.has_unknown_range:
        from .unknown_range import extract_with_each as extract  # rarely needed
    paths: list[PhotoPath | None] = []
    if isinstance(photos, Sequence) or model.has_unknown_range or len(views_of(model)) > 1:
        photos = list(photos)
        paths = list(map(_path, photos))
        given: Iterable[ImageSource] = photos
    else:
        given = _noting(photos, paths)
    found = extract(model, given, device=device, cache=cache, progress=progress, on_error=on_error)
    if not len(found.rows):
        example = f" (for example, {found.skipped[0]})" if found.skipped else ""
        raise ValueError(
            f"none of the photos can be read{example}. Give at least one readable photo."
        )
    return paths, found


def _path(photo: ImageSource) -> PhotoPath | None:
    return photo if isinstance(photo, str | os.PathLike) else None


def _noting(photos: Iterable[ImageSource], paths: list[PhotoPath | None]) -> Iterator[ImageSource]:
    """Yields photos that need not all be in memory at once, and notes their paths."""
    for photo in photos:
        paths.append(_path(photo))
        yield photo


def find_new_photos(
    digests: Sequence[bytes],
    paths: Sequence[PhotoPath | None],
    class_of: Mapping[bytes, str],
    name: str,
) -> tuple[list[int], AddedPhotos]:
    """Finds the photos that a project does not have yet, by the content of their files.

    Args:
        digests: The digest of each photo's file; a photo without one, b"", is always new.
        paths: The path of each photo; None for one without a file.
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
    example = os.fspath(paths[elsewhere[0][0]] or "") if elsewhere else ""
    return new, AddedPhotos(len(new), copies, elsewhere, example)


def tell_other_classes(added: AddedPhotos, name: str) -> None:
    """Warns of photos that are in another class; an error if no other photo was given."""
    number = len(added.in_other_classes)
    if not number:
        return
    classes = quoted(sorted({known for _, known in added.in_other_classes}), 3)
    if not added.photos and not added.copies:
        raise ValueError(
            f"nothing can be added to {name!r}: the project has "
            f"{'this photo' if number == 1 else f'these {number} photos'} in {classes} already "
            f"(for example, {added.example}). Give other photos of {name!r}."
        )
    warnings.warn(
        f"{counted(number, 'photo')} {'was' if number == 1 else 'were'} left out of {name!r}, "
        f"because the project has {'it' if number == 1 else 'them'} in {classes} already (for "
        f"example, {added.example})",
        stacklevel=3,
    )
