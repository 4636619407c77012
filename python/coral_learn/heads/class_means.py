"""The mean embedding of each class, on which a later class can build."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import EmbeddingMatrix
from ..embeddings import Embeddings


def class_means(
    embeddings: Embeddings, labels: NDArray[np.integer[Any]], num_classes: int
) -> EmbeddingMatrix:
    """Returns the mean embedding of each class, [C, D].

    Args:
        embeddings: The embeddings, [N, D].
        labels: The class of each embedding, [N], in [0, C).
        num_classes: The number of classes, C.

    Raises:
        ValueError: A class has no embedding.
    """
    missing = sorted(set(range(num_classes)) - set(labels.tolist()))
    if missing:
        raise ValueError(f"there is no embedding of the classes {missing}: add photos of them")
    return np.array(
        [np.asarray(embeddings[labels == label]).mean(axis=0) for label in range(num_classes)]
    )
