"""Generated embeddings that resemble those of an extractor, and the loss of a head on them."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from coral_learn import Embeddings

Stored = Literal["float32", "uint8"]

_SCALE = 0.0235  # of the MobileNet v1 extractor
_DISTINCT_ROWS = 20_000


def labeled_embeddings(
    rows: int, features: int, classes: int, stored: Stored
) -> tuple[Embeddings, NDArray[np.int64]]:
    """Returns embeddings of classes that can mostly be distinguished, and the class of each.

    Values are like those after a ReLU: many zeros, and most of the others small. After 20,000 rows
    the rows repeat, but each row has its own memory.

    Args:
        rows: N.
        features: D.
        classes: C.
        stored: The type that the embeddings are stored in.
    """
    generator = np.random.default_rng(0)
    distinct = min(rows, _DISTINCT_ROWS)
    labels = generator.integers(classes, size=distinct)
    centers = generator.normal(0, 3, (classes, features)).astype(np.float32)
    noise = generator.standard_normal((distinct, features), np.float32) * 20
    pattern = np.clip(centers[labels] + noise, 0, 255).astype(np.uint8)
    values: NDArray[Any] = np.empty((rows, features), stored)
    for first in range(0, rows, distinct):
        part = pattern[: min(distinct, rows - first)]
        values[first : first + distinct] = part if stored == "uint8" else part * np.float32(_SCALE)
    embeddings = Embeddings(values, _SCALE if stored == "uint8" else 1.0)
    return embeddings, np.resize(labels, rows)


def cross_entropy(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """Returns the mean cross entropy of logits [N, C]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    of_labels = shifted[np.arange(len(labels)), labels]
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - of_labels))
