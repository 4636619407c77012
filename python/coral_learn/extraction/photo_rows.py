"""The outcome of running a model on many photos: a row for each, or why a photo was skipped."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..words import counted
from .photo_file import PhotoError

OnError = Callable[[int, PhotoError], None]
"""Called with the index and the error of a photo that cannot be used."""

Rows = TypeVar("Rows")
NewRows = TypeVar("NewRows")


@dataclass(frozen=True)
class SkippedPhoto:
    """A photo that could not be used.

    Attributes:
        path: The path of the photo.
        reason: Why it could not be used, in plain words.
    """

    path: str
    reason: str

    @classmethod
    def from_error(cls, error: PhotoError) -> "SkippedPhoto":
        """Returns the photo that an error is about."""
        return cls(error.name, error.reason)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class PhotoRows(Generic[Rows]):
    """What a model returns for many photos, some of which cannot be used.

    Attributes:
        rows: One row for each of the K photos that could be used, in order.
        kept: The index of the photo of each row, int64 of shape [K].
        skipped: The photos that have no row, in order.
        digests: The SHA-256 of the file of each photo that has a row, b"" for a photo that is no
            file; an empty list if they were not asked for.
        embeddings: The embeddings of the photos, [K, D], from a classifier that was asked for them
            as well; None from any other model.
    """

    rows: Rows
    kept: NDArray[np.int64]
    skipped: list[SkippedPhoto]
    digests: list[bytes]
    embeddings: Embeddings | None = None

    def __repr__(self) -> str:
        photos, skipped = counted(len(self.kept), "photo"), len(self.skipped)
        return f"PhotoRows({photos}, {skipped} skipped)"

    def with_rows(self, rows: NewRows) -> "PhotoRows[NewRows]":
        """Returns other rows of the same photos."""
        return PhotoRows(rows, self.kept, self.skipped, self.digests, self.embeddings)


def raise_error(index: int, error: PhotoError) -> None:
    """Raises the error of the first photo that cannot be used."""
    raise error


def skip_photo(index: int, error: PhotoError) -> None:
    """Lets a model continue without a photo that cannot be used."""
