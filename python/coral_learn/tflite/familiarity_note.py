"""What a model knows of its training photos, as notes inside it, to notice photos unlike them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import schema
from .notes import FAMILIARITY, read_note, write_note

MAX_BYTES = 200_000
"""The largest size of the notes, in bytes."""

MAX_QUANTILES = 99
"""The largest number of quantiles of the strangeness of training photos."""

LOW_FAMILIARITY = 0.05
"""A photo of lower familiarity is stranger than 95% of the training photos."""

# The types and the numbers of dimensions of the notes, in their order
_FORMATS = (
    (np.float32, 1),
    (np.float32, 1),
    (np.float16, 2),
    (np.float16, 2),
    (np.float16, 2),
    (np.float16, 2),
    (np.float32, 1),
)
_OVERHEAD = 3_000  # of the file formats, in bytes
# Far beyond those of unit vectors; their squares stay finite.
_MAX_NUMBER = 1e9


class Moments(NamedTuple):
    """Means and covariances of the unit embeddings of the training photos.

    Coordinates along the directions are relative to the center and multiplied by the scale.

    Attributes:
        center: The mean of all photos, float32 [D].
        scale: One divided by the standard deviation in other directions.
        directions: Orthonormal directions, float16 [R, D].
        means: The coordinates of the classes, float16 [C, R].
        within: A matrix that whitens the coordinates of the photos of a class, float16 [R, R].
        background: A matrix that whitens the coordinates of all photos, float16 [R, R].
    """

    center: NDArray[np.float32]
    scale: float
    directions: NDArray[np.float16]
    means: NDArray[np.float16]
    within: NDArray[np.float16]
    background: NDArray[np.float16]


class FamiliarityNote(NamedTuple):
    """What a model knows of its training photos.

    Attributes:
        moments: What the strangeness of a photo is computed from.
        quantiles: Quantiles of the strangeness of training photos that were held out, ascending,
            float32 [Q].
    """

    moments: Moments
    quantiles: NDArray[np.float32]


def note_bytes(features: int, classes: int, rank: int) -> int:
    """Returns how many bytes the notes take.

    Args:
        features: D.
        classes: C.
        rank: R.
    """
    half = rank * (features + classes + 2 * rank)
    return 2 * half + 4 * (features + 1 + MAX_QUANTILES) + _OVERHEAD


def read_familiarity_note(model: schema.ModelT) -> FamiliarityNote | None:
    """Returns what a model knows of its training photos; None if there is nothing to believe."""
    found = [
        read_note(model, name, dtype, ndim)
        for name, (dtype, ndim) in zip(FAMILIARITY, _FORMATS, strict=True)
    ]
    arrays = [array for array in found if array is not None]
    if len(arrays) < len(found) or sum(array.nbytes for array in arrays) > MAX_BYTES:
        return None
    center, scale, directions, means, within, background, quantiles = arrays
    rank = len(directions)
    is_sound = (
        scale.shape == (1,)
        and directions.shape == (rank, len(center))
        and means.shape == (len(means), rank)
        and within.shape == background.shape == (rank, rank)
        and all(array.size > 0 and float(np.abs(array).max()) < _MAX_NUMBER for array in arrays)
        and scale[0] > 0
        # The time to find the limits of drift grows with the square of their number.
        and len(quantiles) <= MAX_QUANTILES
        and (np.diff(quantiles) >= 0).all()
    )
    if not is_sound:
        return None
    moments = Moments(center, float(scale[0]), directions, means, within, background)
    return FamiliarityNote(moments, quantiles)


def write_familiarity_note(model: schema.ModelT, note: FamiliarityNote | None) -> None:
    """Replaces what a model knows of its training photos; None removes it."""
    for name, array in zip(FAMILIARITY, _arrays(note), strict=True):
        write_note(model, name, array)


def _arrays(note: FamiliarityNote | None) -> list[NDArray[Any] | None]:
    if note is None:
        return [None] * len(FAMILIARITY)
    center, scale, directions, means, within, background = note.moments
    scales = np.array([scale], np.float32)
    return [center, scales, directions, means, within, background, note.quantiles]
