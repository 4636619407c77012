"""Familiarity: how common it is among the training photos to look as strange as a photo does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..tflite.familiarity_note import MAX_QUANTILES, FamiliarityNote
from .strangers import fit_moments, strangeness

# A photo looks the stranger the fewer photos were learned from, by a / photos. The held-out ones
# look stranger than new ones will, by this part of what a further fold less makes of it:
# (1 / 0.8 - 1) / (1 / 0.6 - 1 / 0.8)
_EXTRAPOLATED = 0.6
_EXTRAPOLATED_FOLDS = 2  # enough, because the differences are alike


def fit_familiarity(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    check: Callable[[], object] = bool,
) -> FamiliarityNote | None:
    """Measures how strange photos look that are held out, and what tells strangers from all photos.

    Args:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class of each, [N].
        folds: The rows to learn from, and the rows to measure, which are others.
        check: Called before each fold; an error that it raises ends the measuring.

    Returns:
        What a model keeps of it; None if there are too few photos, classes or differences.
    """
    moments = fit_moments(embeddings, labels)
    if moments is None:
        return None
    spread = moments.scale**-2  # the same for all folds, so that their scores can be compared

    def score(train: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64] | None:
        known = fit_moments(embeddings[train], labels[train], spread)
        return None if known is None else strangeness(known, embeddings[others])

    found, excess = [], []
    for number, (train, held_out) in enumerate(folds):
        check()
        scores = score(train, held_out)
        if scores is None:
            continue
        found.append(scores)
        if number < _EXTRAPOLATED_FOLDS:
            still_known = np.ones(len(labels), bool)
            still_known[folds[number - 1][1]] = False
            fewer = score(train[still_known[train]], held_out)
            excess.append(np.zeros(1) if fewer is None else fewer - scores)
    if not found:
        return None
    typical = _EXTRAPOLATED * float(np.concatenate(excess).mean()) if excess else 0.0
    return FamiliarityNote(moments, _quantiles(np.concatenate(found) - typical))


def _quantiles(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Returns all scores, or evenly spaced ones of many, ascending."""
    ascending = np.sort(scores)
    if len(ascending) > MAX_QUANTILES:
        ranks = np.arange(1, MAX_QUANTILES + 1) * (len(ascending) + 1) / (MAX_QUANTILES + 1)
        ascending = ascending[np.ceil(ranks).astype(np.int64) - 1]
    return ascending.astype(np.float32)
