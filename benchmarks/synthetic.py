"""Embeddings that look like an extractor's, as many as wanted, made in no time."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from coral_learn import Embeddings

Stored = Literal["float32", "uint8"]

_SCALE = 0.0235  # of the MobileNet v1 extractor
_DISTINCT_ROWS = 4096


def labeled_embeddings(
    rows: int, features: int, classes: int, stored: Stored
) -> tuple[Embeddings, NDArray[np.int64]]:
    """Returns embeddings of classes that can mostly be told apart, and the class of each.

    Values are as after a ReLU: many zeros, most of the others small. Beyond some thousand rows,
    rows return; each takes its own memory all the same.

    Args:
        rows: N.
        features: D.
        classes: C.
        stored: The type that the embeddings are kept in.
    """
    generator = np.random.default_rng(0)
    distinct = min(rows, _DISTINCT_ROWS)
    labels = generator.integers(classes, size=distinct)
    centers = generator.normal(0, 8, (classes, features)).astype(np.float32)
    noise = generator.standard_normal((distinct, features), np.float32) * 20
    pattern = np.clip(centers[labels] + noise, 0, 255).astype(np.uint8)
    values: NDArray[Any] = np.empty((rows, features), stored)
    for first in range(0, rows, distinct):
        part = pattern[: min(distinct, rows - first)]
        values[first : first + distinct] = part if stored == "uint8" else part * np.float32(_SCALE)
    embeddings = Embeddings(values, _SCALE if stored == "uint8" else 1.0)
    return embeddings, np.resize(labels, rows)
