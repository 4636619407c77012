"""Length normalization of embeddings, for training on few photos of each class."""

import numpy as np

from ..embeddings import Embeddings
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
    if len(embeddings) > _MAX_ROWS_PER_CLASS * num_classes:
        return embeddings
    if standardization_for(embeddings) is not None:
        return embeddings
    values = np.asarray(embeddings)
    with np.errstate(all="ignore"):  # the core rejects NaN and infinity
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        variation = lengths.std() / np.sqrt(values.var(axis=0).sum())
    if lengths.min() == 0 or not variation < _MAX_RELATIVE_VARIATION:
        return embeddings
    return Embeddings(values * (lengths.mean() / lengths))
