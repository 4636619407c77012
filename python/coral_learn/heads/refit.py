"""Fitting heads to other rows as a head was fitted before."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import ProbabilityMatrix
from ..embeddings import Embeddings
from .cross_fitting import Score
from .length_normalization import normalize_lengths
from .records import FitRecord
from .softmax_regression import SoftmaxRegression
from .training_data import ClassWeights


def score_by_refits(
    record: FitRecord,
    embeddings: Embeddings,
    labels: NDArray[np.integer[Any]],
    num_classes: int,
    *,
    seed: int | None = None,
) -> Score:
    """Returns what fits heads to some of the rows, and scores other embeddings with them.

    The arguments are those of :func:`refit`.
    """

    def score(rows: NDArray[np.int64], others: Embeddings) -> ProbabilityMatrix:
        head = refit(record, embeddings[rows], labels[rows], num_classes, seed=seed)
        return head.predict_proba(others)

    return score


def refit(
    record: FitRecord,
    embeddings: Embeddings,
    labels: NDArray[np.integer[Any]],
    num_classes: int,
    *,
    seed: int | None = None,
    class_weight: ClassWeights = None,
    sample_weight: ArrayLike | None = None,
    start: SoftmaxRegression | None = None,
) -> SoftmaxRegression:
    """Returns a head with the penalty and temperature of another.

    The search for these takes most of the time of a fit. Lengths are normalized as it does.

    Args:
        record: How the other head was fitted.
        embeddings: The embeddings to fit to, [N, D].
        labels: The class of each, [N] in [0, C).
        num_classes: C.
        seed: The seed of the head.
        class_weight: As for :meth:`SoftmaxRegression.fit`.
        sample_weight: As for :meth:`SoftmaxRegression.fit`.
        start: As for :meth:`SoftmaxRegression.fit`.
    """
    head = SoftmaxRegression(embeddings.shape[1], num_classes, seed=seed)
    head.fit(
        normalize_lengths(embeddings, num_classes),
        labels,
        class_weight=class_weight,
        sample_weight=sample_weight,
        penalty=record.penalty,
        temperature=record.temperature,
        start=start,
    )
    return head
