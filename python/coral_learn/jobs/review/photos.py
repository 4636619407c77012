"""The photos of a review, with their embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...embeddings import Embeddings
from ...extraction.photo_rows import SkippedPhoto


class Photo(NamedTuple):
    """A photo that findings are about.

    Attributes:
        path: Its file; None if it is not known where the photo is.
        name: Its path as it is shown.
        label: The name of its class; "" if it is unlabelled.
        is_confirmed: Whether somebody looked at it and found the label right.
    """

    path: Path | None
    name: str
    label: str
    is_confirmed: bool = False


@dataclass(frozen=True)
class ReviewedPhotos:
    """N labelled photos, and perhaps U unlabelled ones.

    Attributes:
        photos: The labelled photos, [N].
        classes: The names of the classes.
        labels: The class index of each photo, [N].
        embeddings: Their embeddings, [N, D].
        digests: The SHA-256 of each photo's file, [N]; b"" if it is not known.
        groups: The group of each photo, such as the frames of one video, [N], or None.
        folder: The folder that has the class folders, if photos can be moved in it.
        unlabelled: The unlabelled photos, [U].
        unlabelled_embeddings: Their embeddings, [U, D]; None without them.
        skipped: Photos that cannot be read.
        notes: Facts that the user should know, a sentence each.
        drawn: The name of the class whose pictures are drawn, and not among the photos; None if
            there is none.
    """

    photos: Sequence[Photo]
    classes: list[str]
    labels: NDArray[np.int64]
    embeddings: Embeddings
    digests: Sequence[bytes]
    groups: NDArray[np.int64] | None = None
    folder: Path | None = None
    unlabelled: Sequence[Photo] = ()
    unlabelled_embeddings: Embeddings | None = None
    skipped: Sequence[SkippedPhoto] = ()
    notes: list[str] = field(default_factory=list)
    drawn: str | None = None

    def __len__(self) -> int:
        return len(self.photos)
