"""Embeddings of a float extractor whose input range is not known yet: one for each candidate.

The range can be measured only when there are photos of two classes, and a project keeps no photos.
Until then, a row holds the embeddings with all candidates, one after another.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..extraction.cache import EmbeddingCache
from ..extraction.extractor import EmbeddingExtractor
from ..extraction.images import ImageSource
from ..extraction.photo_rows import OnError, PhotoRows, skip_photo
from ..jobs.input_range import try_embeddings
from ..jobs.quick_head import sample_rows
from ..jobs.range_choice import CANDIDATES, MeasuredRange, choose_by_loss
from ..progress import Progress
from ..tflite.embedding import read_embedding
from ..tflite.file import ModelFile


def extract_with_each(
    extractor: ModelFile,
    photos: Sequence[ImageSource],
    *,
    device: str | None,
    cache: EmbeddingCache | None,
    progress: bool | Progress,
    on_error: OnError,
) -> PhotoRows[Embeddings]:
    """Returns the embeddings with every candidate, [N, K x D].

    The arguments and errors are those of :meth:`coral_learn.EmbeddingExtractor.extract_readable`.
    """
    found = []
    for candidate in CANDIDATES:
        with EmbeddingExtractor(
            extractor, device=device, cache=cache, normalization=candidate
        ) as opened:
            found.append(opened.extract_readable(photos, progress=progress, on_error=on_error))
        progress, on_error = False, skip_photo  # each photo is reported once
    stored = np.concatenate([each.rows.quantized for each in found], axis=1)
    first = found[0]
    return first.with_rows(Embeddings(stored, first.rows.scale, first.rows.zero_point))


def embeddings_of(extractor: ModelFile, embeddings: Embeddings) -> Embeddings:
    """Returns the part of the embeddings that belongs to the range that an extractor declares.

    Args:
        extractor: The extractor.
        embeddings: Its embeddings, [N, D], or those with every candidate, [N, K x D].
    """
    declared = extractor.normalization if extractor.has_float_input else None
    if declared is None:
        return embeddings
    width = read_embedding(extractor).feature_dim
    if embeddings.shape[1] != width * len(CANDIDATES):
        return embeddings
    values = declared.values()
    misfits = [np.abs(each.values() - values).max() for each in CANDIDATES]
    return _part(embeddings, int(np.argmin(misfits)))


def measure_embeddings(embeddings: Embeddings, labels: NDArray[np.int64]) -> MeasuredRange:
    """Chooses the range by the embeddings with every candidate.

    Args:
        embeddings: The embeddings, [N, K x D].
        labels: Their classes, [N], of at least two classes.
    """
    rows = sample_rows(labels)
    trials = {
        candidate: try_embeddings(_part(embeddings, index)[rows], labels[rows])
        for index, candidate in enumerate(CANDIDATES)
    }
    return choose_by_loss(trials, len(rows))


def _part(embeddings: Embeddings, index: int) -> Embeddings:
    width = embeddings.shape[1] // len(CANDIDATES)
    stored = embeddings.quantized[:, index * width : (index + 1) * width]
    return Embeddings(np.ascontiguousarray(stored), embeddings.scale, embeddings.zero_point)
