"""Weights of rows, and rows that are there several times."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .buckets import hashes_of
from .training_set import TrainingSet


def merge_copies(training: TrainingSet) -> TrainingSet:
    """Returns the data with each row once, weighted by the sum of the weights of its copies.

    So a row of weight 3 gives the very same head as three copies of it, in any order. Copies are
    rows of one class and one bucket with the same embedding. Rows of weight zero are left out. Data
    without weights and copies are returned as they are.
    """
    weights = training.sample_weights
    if weights is None and not _may_have_copies(training):
        return training
    if weights is None:
        weights = np.ones(len(training.data), np.float32)
    counted = np.flatnonzero(weights)
    rows = _as_bytes(training)[counted]
    _, first, group = np.unique(rows, return_index=True, return_inverse=True)
    kept = counted[first]
    total = np.bincount(group.ravel(), weights=weights[counted].astype(np.float64))
    if len(kept) == len(training.data) and training.sample_weights is None:
        return training
    return replace(training.part(kept), sample_weights=total.astype(np.float32))


def _may_have_copies(training: TrainingSet) -> bool:
    return len(set(hashes_of(training.data.embeddings).tolist())) < len(training.data)


def _as_bytes(training: TrainingSet) -> NDArray[np.void]:
    """Returns each row, its label and bucket as one value, [N], that can be compared and sorted."""
    values, labels = training.data.embeddings.quantized, training.data.labels
    columns = [values.view(np.uint8), labels[:, np.newaxis].view(np.uint8)]
    if training.buckets is not None:
        columns.append(training.buckets[:, np.newaxis])
    joined = np.ascontiguousarray(np.concatenate(columns, axis=1))
    return joined.view(np.dtype((np.void, joined.shape[1])))[:, 0]
