"""Extracting the embeddings of several views of each photo."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..embeddings import Embeddings
from ..progress import Progress
from ..tflite.resizing import View
from .extractor import EmbeddingExtractor
from .images import ImageSource
from .photo_file import PhotoError
from .photo_rows import OnError, PhotoRows


class ExtractedViews(NamedTuple):
    """The embeddings of the views of photos.

    Attributes:
        found: The embeddings for each view, [K, D] each, of the K photos that could be used.
        device: What ran the extractor.
    """

    found: PhotoRows[list[Embeddings]]
    device: str


def extract_views(
    open_extractor: Callable[[View], EmbeddingExtractor],
    photos: Sequence[ImageSource],
    views: Sequence[View],
    *,
    progress: bool | Progress = False,
    on_error: OnError,
) -> ExtractedViews:
    """Extracts the embeddings of photos, seen in one or several ways.

    Args:
        open_extractor: Opens the extractor for a view.
        photos: The photos.
        views: The views, at least one.
        progress: As for :meth:`EmbeddingExtractor.extract`; a function is called with the number
            of views done and the total.
        on_error: Called with the index and the error of each photo that cannot be used, once.

    Raises:
        PhotoError: ``on_error`` raised it.
        ModelError: The model failed.
        EdgeTpuError: The device failed.
    """
    passes: list[PhotoRows[Embeddings]] = []
    failed: set[int] = set()

    def report_once(index: int, error: PhotoError) -> None:
        if index not in failed:
            failed.add(index)
            on_error(index, error)

    for number, view in enumerate(views):
        report = _from(number * len(photos), len(views), progress)
        with open_extractor(view) as extractor:
            found = extractor.extract_readable(photos, progress=report, on_error=report_once)
            device = extractor.device
        passes.append(found)
    return ExtractedViews(_joined(passes), device)


def _from(first: int, views: int, progress: bool | Progress) -> bool | Progress:
    """Returns the progress of one of several views."""
    if not callable(progress):
        return progress
    report = progress
    return lambda done, total: report(first + done, None if total is None else views * total)


def _joined(passes: list[PhotoRows[Embeddings]]) -> PhotoRows[list[Embeddings]]:
    """Joins the rows of the photos that could be used each time: a file may vanish meanwhile."""
    first = passes[0]
    common = first.kept
    for each in passes[1:]:
        common = np.intersect1d(common, each.kept)
    rows = [each.rows[np.flatnonzero(np.isin(each.kept, common))] for each in passes]
    digests = [first.digests[row] for row in np.flatnonzero(np.isin(first.kept, common))]
    skipped = [*first.skipped]
    for each in passes[1:]:
        skipped += [photo for photo in each.skipped if photo not in skipped]
    return PhotoRows(rows, common, skipped, digests)
