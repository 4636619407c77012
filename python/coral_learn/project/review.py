"""The photos of a project for a review: their embeddings, and where the photos are, if known."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..dataset.entries import photos_below
from ..extraction.photo_file import PhotoError, read_photo
from ..jobs.review.photos import Photo, ReviewedPhotos
from ..jobs.review.sources import Extraction, with_unlabelled
from ..tflite.file import ModelFile
from ..words import counted
from .photo_views import part_of_rows, views_of
from .store import ProjectStore
from .unknown_range import embeddings_of


def is_project(path: Path) -> bool:
    """Tells whether a folder contains a project."""
    return ProjectStore(path).exists()


def read_project(
    path: Path, photos: Path | None, extraction: Extraction, unlabelled: Path | None = None
) -> ReviewedPhotos:
    """Returns the photos of a project with the embeddings that it keeps.

    Args:
        path: The folder of the project.
        photos: A folder with the photos, which are known by the content of their files; None if
            they are not here any more.
        extraction: How to see the unlabelled photos.
        unlabelled: A folder of unlabelled photos.

    Raises:
        ValueError: The project has fewer than two classes, or its files are damaged.
        OSError: A file cannot be read.
    """
    store = ProjectStore(path)
    with store.locked(shared=True):
        state = store.read_states()[-1]
        if len(state.classes) < 2:
            raise ValueError(
                f"{path} has {counted(len(state.classes), 'class', 'classes')}, but a review needs "
                "at least two. Add classes with `coral-learn project add`."
            )
        model = ModelFile.open(store.extractor)
        rows, labels = store.load_embeddings(state)
        digests = store.load_row_digests(state)
    embeddings = part_of_rows(embeddings_of(model, rows), 0, len(views_of(model)))
    files = {} if photos is None else _files_by_digest(photos)
    reviewed = ReviewedPhotos(
        photos=_named(digests, [state.classes[label] for label in labels.tolist()], files),
        classes=list(state.classes),
        labels=labels,
        embeddings=embeddings,
        digests=digests,
        folder=photos,
        notes=_notes(digests, photos, files),
    )
    embedder = replace(extraction, view=extraction.view or views_of(model)[0]).embedder(model)
    return with_unlabelled(reviewed, unlabelled, embedder, extraction)


def _named(digests: list[bytes], labels: list[str], files: Mapping[bytes, Path]) -> list[Photo]:
    """Returns the photos by their files, or else by their number in the class."""
    named = []
    numbers: dict[str, int] = {}
    for digest, label in zip(digests, labels, strict=True):
        numbers[label] = numbers.get(label, 0) + 1
        file = files.get(digest) if digest else None
        name = f"{label}, photo {numbers[label]}" if file is None else str(file)
        if file is None and digest:
            name += f" (SHA-256 {digest.hex()[:16]})"
        named.append(Photo(file, name, label))
    return named


def _notes(digests: list[bytes], photos: Path | None, files: Mapping[bytes, Path]) -> list[str]:
    if photos is None:
        return [
            "a project keeps embeddings but no photos, so photos are named by their number in the "
            "class, in the order in which they were added. To see the files, give the folder that "
            "has them with --photos DIR"
        ]
    missing = sum(digest not in files for digest in digests)
    if not missing:
        return []
    return [f"{missing} of {counted(len(digests), 'photo')} of the project are not in {photos}"]


def _files_by_digest(folder: Path) -> dict[bytes, Path]:
    """Returns the photos in a folder by the SHA-256 of their files."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder. Give the folder of the project's photos.")
    found: dict[bytes, Path] = {}
    for path in photos_below(folder):
        try:
            content = read_photo(path).content
        except PhotoError:
            continue
        found.setdefault(hashlib.sha256(content).digest(), path)
    return found
