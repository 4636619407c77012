"""Embeddings of a float extractor whose input range is not known yet: one for each candidate.

The range can be measured only when there are photos of two classes, and a project keeps no photos.
Until then, a row holds the embeddings with all candidates, one after another.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..extraction.cache import EmbeddingCache
from ..extraction.images import ImageSource
from ..extraction.photo_rows import OnError, PhotoRows, skip_photo
from ..jobs.input_range import try_embeddings
from ..jobs.quick_head import sample_rows
from ..jobs.range_choice import CANDIDATES, MeasuredRange, choose_by_loss
from ..progress import Progress
from ..tflite.embedding import read_embedding
from ..tflite.file import ModelFile
from .photo_views import extract_rows, part_of_rows, side_by_side, views_of


def extract_with_each(
    extractor: ModelFile,
    photos: Sequence[ImageSource],
    *,
    device: str | None,
    cache: EmbeddingCache | None,
    progress: bool | Progress,
    on_error: OnError,
) -> PhotoRows[Embeddings]:
    """Returns the rows with every candidate, [N, K x D], where D is the width of a row otherwise.

    The arguments and errors are those of :meth:`coral_learn.EmbeddingExtractor.extract_readable`.
    """
    found = []
    for candidate in CANDIDATES:
        rows = extract_rows(
            extractor,
            photos,
            device=device,
            cache=cache,
            progress=progress,
            on_error=on_error,
            normalization=candidate,
        )
        found.append(rows)
        progress, on_error = False, skip_photo  # each photo is reported once
    return found[0].with_rows(side_by_side([each.rows for each in found]))


def embeddings_of(extractor: ModelFile, embeddings: Embeddings) -> Embeddings:
    """Returns the part of the embeddings that belongs to the range that an extractor declares.

    Args:
        extractor: The extractor.
        embeddings: Its embeddings, [N, D], or those with every candidate, [N, K x D].
    """
    declared = extractor.normalization if extractor.has_float_input else None
    if declared is None:
        return embeddings
    width = read_embedding(extractor).feature_dim * len(views_of(extractor))
    if embeddings.shape[1] != width * len(CANDIDATES):
        return embeddings
    values = declared.values()
    misfits = [np.abs(each.values() - values).max() for each in CANDIDATES]
    return part_of_rows(embeddings, int(np.argmin(misfits)), len(CANDIDATES))


def measure_embeddings(embeddings: Embeddings, labels: NDArray[np.int64]) -> MeasuredRange:
    """Chooses the range by the embeddings with every candidate.

    Args:
        embeddings: The embeddings, [N, K x D].
        labels: Their classes, [N], of at least two classes.
    """
    rows = sample_rows(labels)
    trials = {
        candidate: try_embeddings(
            part_of_rows(embeddings, index, len(CANDIDATES))[rows], labels[rows]
        )
        for index, candidate in enumerate(CANDIDATES)
    }
    return choose_by_loss(trials, len(rows))
