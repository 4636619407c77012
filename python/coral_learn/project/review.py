"""The photos of a project for a review: their embeddings, and where the photos are, if known."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..dataset.entries import photos_below
from ..extraction.photo_file import PhotoError, read_photo
from ..jobs.review.findings import Doubtful
from ..jobs.review.photos import Photo, ReviewedPhotos
from ..jobs.review.run import find_doubtful
from ..jobs.review.sources import Extraction, with_unlabelled
from ..tflite.file import ModelFile
from ..words import counted
from .photo_views import part_of_rows, views_of
from .photos import photo_id
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
    store.read_index()  # says what is wrong with a folder that is no project and has no lock
    with store.locked(shared=True):
        state = store.read_index().current
        if len(state.classes) < 2:
            raise ValueError(
                f"{path} has {counted(len(state.classes), 'class', 'classes')}, but a review needs "
                "at least two. Add classes with `coral-learn project add`."
            )
        model = ModelFile.open(store.extractor)
        rows, labels = store.load_embeddings(state)
        digests = store.load_digests(state)
        kept = store.pictures.files()
    confirmed = state.confirmed
    files = {} if photos is None else _files_by_digest(photos)
    reviewed = ReviewedPhotos(
        photos=[
            _photo(photo_id(row, digest), state.classes[row.label], digest, files, kept)._replace(
                is_confirmed=(row.file, row.number) in confirmed
            )
            for row, digest in zip(state.rows, digests, strict=True)
        ],
        classes=list(state.classes),
        labels=labels,
        embeddings=part_of_rows(embeddings_of(model, rows), 0, len(views_of(model))),
        digests=digests,
        folder=photos,
        notes=_notes(digests, photos, files, kept),
    )
    embedder = replace(extraction, view=extraction.view or views_of(model)[0]).embedder(model)
    return with_unlabelled(reviewed, unlabelled, embedder, extraction)


def photos_of_project(path: Path) -> ReviewedPhotos:
    """Returns the photos of a project, by the pictures that it keeps and named by their ids.

    The errors are those of :func:`read_project`.
    """
    return read_project(path, None, Extraction())


def doubtful_photos(path: Path) -> list[Doubtful]:
    """Returns the photos of a project whose label is probably wrong, the most doubtful first.

    The errors are those of :func:`read_project`.
    """
    return find_doubtful(photos_of_project(path))


def _photo(
    name: str, label: str, digest: bytes, files: Mapping[bytes, Path], kept: Mapping[bytes, Path]
) -> Photo:
    """Returns a photo, which is shown by the name of its file, or else by its id."""
    file = files.get(digest)
    return Photo(file or kept.get(digest), name if file is None else str(file), label)


def _notes(
    digests: list[bytes],
    photos: Path | None,
    files: Mapping[bytes, Path],
    kept: Mapping[bytes, Path],
) -> list[str]:
    notes = []
    missing = sum(digest not in files for digest in digests)
    if photos is not None and missing:
        notes.append(
            f"{missing} of {counted(len(digests), 'photo')} of the project are not in {photos}"
        )
    if photos is not None:
        notes.append(
            "`coral-learn review --apply` moves the files and leaves the project as it is: correct "
            "it with `coral-learn project move` and `coral-learn project drop`, which take files"
        )
    if missing:
        see = "" if kept else ". To see them, give the folder that has them with --photos DIR"
        notes.append(
            "photos are named by their id in the project, which `coral-learn project move` and "
            f"`coral-learn project drop` take{see}"
        )
    return notes


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
