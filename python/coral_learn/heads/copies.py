"""Weights of rows, and rows that are there several times."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .penalty_search import TrainingSet
from .training_data import LabeledEmbeddings

_FEW_FEATURES = 64


def merge_copies(training: TrainingSet) -> TrainingSet:
    """Returns the data with each row once, weighted by the sum of the weights of its copies.

    So a row of weight 3 gives the very same head as three copies of it, in any order, and
    cross-validation has no copy of a row on both sides. Rows of weight zero are left out. Data
    without weights and copies are returned as they are.
    """
    weights = training.sample_weights
    if weights is None and not _has_copies(training.data):
        return training
    if weights is None:
        weights = np.ones(len(training.data), np.float32)
    counted = np.flatnonzero(weights)
    rows = _as_bytes(training.data)[counted]
    _, first, group = np.unique(rows, return_index=True, return_inverse=True)
    kept = counted[first]
    total = np.bincount(group.ravel(), weights=weights[counted].astype(np.float64))
    return replace(training.part(kept), sample_weights=total.astype(np.float32))


def _has_copies(data: LabeledEmbeddings) -> bool:
    values = data.embeddings.quantized
    # Rows that differ in a few features are no copies, and a few are compared faster.
    few = values[:, :: max(1, values.shape[1] // _FEW_FEATURES)]
    return all(len({hash(row.tobytes()) for row in rows}) < len(data) for rows in (few, values))


def _as_bytes(data: LabeledEmbeddings) -> NDArray[np.void]:
    """Returns each row and its label as one value, [N], that can be compared and sorted."""
    values = data.embeddings.quantized
    columns = (values.view(np.uint8), data.labels[:, np.newaxis].view(np.uint8))
    joined = np.ascontiguousarray(np.concatenate(columns, axis=1))
    return joined.view(np.dtype((np.void, joined.shape[1])))[:, 0]
