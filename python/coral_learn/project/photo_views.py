"""The views of photos in a project: one or several embeddings in a row, one after another.

A project keeps no photos, so a row has everything that is ever needed of its photo.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from ..embeddings import Embeddings
from ..extraction.cache import EmbeddingCache
from ..extraction.extractor import EmbeddingExtractor
from ..extraction.images import ImageSource
from ..extraction.photo_rows import OnError, PhotoRows
from ..progress import Progress
from ..tflite.file import ModelFile
from ..tflite.normalization import Normalization
from ..tflite.resize_note import read_resize
from ..tflite.resizing import VIEWS, View


def views_of(model: ModelFile) -> tuple[View, ...]:
    """Returns the views that a row of a project has an embedding for, by its extractor."""
    return VIEWS[read_resize(model)]


def extract_rows(
    model: ModelFile,
    photos: Iterable[ImageSource],
    *,
    device: str | None,
    cache: EmbeddingCache | None,
    progress: bool | Progress,
    on_error: OnError,
    normalization: Normalization | None = None,
) -> PhotoRows[Embeddings]:
    """Returns a row for each photo that can be read, [N, V x D] for V views.

    The arguments and errors are those of :class:`coral_learn.EmbeddingExtractor` and of its
    :meth:`extract_readable`. For several views, ``photos`` is a sequence.
    """

    def open_extractor(view: View) -> EmbeddingExtractor:
        return EmbeddingExtractor(
            model, device=device, cache=cache, normalization=normalization, resize=view
        )

    views = views_of(model)
    if len(views) == 1:
        with open_extractor(views[0]) as extractor:
            return extractor.extract_readable(photos, progress=progress, on_error=on_error)
    from ..extraction.views import extract_views  # rarely needed

    found = extract_views(
        open_extractor, list(photos), views, progress=progress, on_error=on_error
    ).found
    return found.with_rows(side_by_side(found.rows))


def side_by_side(parts: Sequence[Embeddings]) -> Embeddings:
    """Joins embeddings of the same photos, [N, D] each, to rows, [N, K x D]."""
    stored = np.concatenate([part.quantized for part in parts], axis=1)
    return Embeddings(stored, parts[0].scale, parts[0].zero_point)


def part_of_rows(rows: Embeddings, index: int, parts: int) -> Embeddings:
    """Returns one of the equal parts of rows, [N, D] of [N, K x D]."""
    width = rows.shape[1] // parts
    stored = rows.quantized[:, index * width : (index + 1) * width]
    return Embeddings(np.ascontiguousarray(stored), rows.scale, rows.zero_point)


def stacked(parts: Sequence[Embeddings]) -> Embeddings:
    """Joins the parts of rows one below another, [K x N, D]."""
    return parts[0] if len(parts) == 1 else Embeddings.concatenate(parts)
