"""Learning from few photos a class."""

import numpy as np

from ..embeddings import Embeddings

_FEW_ROWS_PER_CLASS = 30
_LENGTHS_TELL_LITTLE = 1 / 3  # of how much embeddings vary


def with_equal_lengths(embeddings: Embeddings, num_classes: int) -> Embeddings:
    """Returns embeddings of few photos a class scaled to their mean length, others as they are.

    How long an embedding is tells more of the photo, of its contrast say, than of its class; that
    evens out over many photos, but the only photo of a class would win or lose too often for its
    length. Imprinting does the same. A head fitted to these works on embeddings of any length,
    because the length of a photo to classify scales all of its logits.

    Embeddings whose length varies a third as much as they do are left alone: with those it
    may well tell the classes apart.
    """
    if len(embeddings) > _FEW_ROWS_PER_CLASS * num_classes:
        return embeddings
    values = np.asarray(embeddings)
    with np.errstate(all="ignore"):  # the core refuses what is not finite
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        lengths_vary = lengths.std() / np.sqrt(values.var(axis=0).sum())
    if lengths.min() == 0 or not lengths_vary < _LENGTHS_TELL_LITTLE:
        return embeddings
    return Embeddings(values * (lengths.mean() / lengths))
