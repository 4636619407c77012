"""Length normalization of embeddings, for training on few photos of each class."""

import math

import numpy as np

from ..embeddings import Embeddings
from .moments import moments_of
from .shard import Moments
from .standardization import standardization_for

_MAX_ROWS_PER_CLASS = 30
_MAX_RELATIVE_VARIATION = 1 / 3  # of lengths, compared with the spread of the embeddings


def normalize_lengths(embeddings: Embeddings, num_classes: int) -> Embeddings:
    """Scales embeddings to their mean length if there are few of them for each class.

    The length of an embedding says more about the photo, for example its contrast, than about its
    class. Over many photos this evens out, but the only photo of a class would win or lose too
    often because of its length. Imprinting normalizes lengths for the same reason. A head that was
    fitted to the result works on embeddings of any length, because the length of a photo's
    embedding scales all of its logits.

    Embeddings are returned as they are if there are more than 30 for each class, or if their
    lengths vary at least a third as much as the embeddings themselves, because the length may then
    distinguish the classes, or if they have to be standardized.

    Args:
        embeddings: [N, D].
        num_classes: C.
    """
    if not are_few(len(embeddings), num_classes) or standardization_for(embeddings) is not None:
        return embeddings
    length = common_length(moments_of(embeddings, None, np.zeros(0, np.uint32)))
    if length is None:
        return embeddings
    values = of_unit_length(embeddings).quantized
    return Embeddings(values * np.float32(length))


def are_few(rows: float, num_classes: int) -> bool:
    """Tells whether there are so few rows that the lengths of some of them could decide."""
    return rows <= _MAX_ROWS_PER_CLASS * num_classes


def common_length(moments: Moments) -> float | None:
    """Returns the mean length of embeddings, or None if the lengths may distinguish classes."""
    mean = moments.lengths / moments.weight
    squares = float(moments.squares.sum()) / moments.weight
    center = moments.total / moments.weight
    variance = squares - float(center @ center)
    if moments.zeros or not squares - mean**2 < _MAX_RELATIVE_VARIATION**2 * variance:
        return None
    return mean if math.isfinite(mean) else None


def of_unit_length(embeddings: Embeddings) -> Embeddings:
    """Returns embeddings divided by their lengths, as float32; zeros stay zeros.

    Of numbers that are not finite, some stay so, and are refused where they are used.
    """
    values = np.asarray(embeddings)
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        return Embeddings(values / np.where(lengths > 0, lengths, 1))
