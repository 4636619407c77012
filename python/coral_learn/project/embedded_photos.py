"""Photos of a class that were embedded before, to be added to a project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..embedded.folder import EmbeddedFolder
from ..embeddings import Embeddings
from ..extraction.photo_rows import PhotoRows
from ..jobs.embedded_photos import check_extractor
from ..tflite.file import ModelFile
from ..words import counted, quoted
from .photo_views import views_of


class EmbeddedClass(NamedTuple):
    """The photos of one class.

    Attributes:
        paths: The path of each photo that is still there; None for others.
        found: Their embeddings and digests.
        notes: Facts that the user should know, a sentence each.
    """

    paths: list[str | None]
    found: PhotoRows[Embeddings]
    notes: list[str]


def read_class(extractor: ModelFile, data_dir: str | os.PathLike[str], name: str) -> EmbeddedClass:
    """Reads the photos of one class in a folder of embedded photos.

    Args:
        extractor: The extractor of the project.
        data_dir: The folder.
        name: The name of the class.

    Raises:
        ValueError: The embeddings are of another extractor, or there are none of this class.
    """
    folder = EmbeddedFolder(data_dir)
    check_extractor(folder, extractor)
    views = views_of(extractor)
    if len(views) > 1 or extractor.has_unknown_range:
        need = "several views" if len(views) > 1 else "several input ranges"
        raise ValueError(
            f"the project needs {need} of each photo, and {folder.path} has one: add the photos "
            "themselves."
        )
    rows = folder.read()
    kept = [row for row, label in enumerate(rows.labels) if label == name]
    if not kept:
        raise ValueError(
            f"{folder.path} has no photos of {name!r}, but of {quoted(sorted(set(rows.labels)))}."
        )
    paths = [rows.paths[row] if Path(rows.paths[row]).is_file() else None for row in kept]
    found = PhotoRows(
        rows.embeddings[kept], np.arange(len(kept)), [], [rows.digests[row] for row in kept]
    )
    missing = paths.count(None)
    notes = []
    if missing:
        notes.append(
            f"{counted(missing, 'photo')} of {len(kept)} are not on this machine: their embeddings "
            "are added, and no pictures are kept of them"
        )
    return EmbeddedClass(paths, found, notes)
