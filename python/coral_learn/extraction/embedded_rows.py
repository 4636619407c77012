"""The embeddings of photos as bytes, one outcome for each photo, to be written or sent."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from typing import NamedTuple

from .extractor import EmbeddingExtractor
from .images import ImageSource
from .photo_file import PhotoError


class EmbeddedRow(NamedTuple):
    """The embedding of a photo, or why there is none.

    Attributes:
        number: The number of the photo among those that were given.
        embedding: The bytes of the embedding; b"" if there is none.
        digest: The SHA-256 of the photo's file; b"" if it was not read.
        problem: Why the photo cannot be used, in plain words; "" if it can.
    """

    number: int
    embedding: bytes
    digest: bytes
    problem: str


def stream_rows(
    extractor: EmbeddingExtractor, photos: Iterable[ImageSource], first: int = 0
) -> Generator[EmbeddedRow, None, None]:
    """Yields the outcome of each photo, in order.

    Args:
        extractor: The extractor.
        photos: The photos.
        first: The number of the first photo.

    Raises:
        ModelError: The model failed.
        EdgeTpuError: The device failed.
    """
    with contextlib.closing(extractor.stream_outcomes(photos)) as outcomes:
        for index, (row, digest, _) in enumerate(outcomes, start=first):
            if isinstance(row, PhotoError):
                yield EmbeddedRow(index, b"", digest, row.reason)
            else:
                yield EmbeddedRow(index, row.tobytes(), digest, "")
