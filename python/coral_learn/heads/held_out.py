"""Probabilities from heads that have not seen the row, by repeated cross-validation."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import MAX_CLASSES, LabelVector, ProbabilityMatrix, present_labels
from ..embeddings import Embeddings
from .folds import FOLDS, fold_numbers
from .inputs import EmbeddingsLike, as_array, as_embeddings, as_labels, as_whole_number
from .length_normalization import normalize_lengths
from .scenes import number_scenes
from .softmax_regression import SoftmaxRegression
from .training_data import LabeledEmbeddings, read_groups

REPEATS = 3
"""How often all rows are held out in turn, in other folds each time."""


def held_out_probabilities(
    embeddings: EmbeddingsLike,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    repeats: int = REPEATS,
    penalty: float | None = None,
) -> ProbabilityMatrix:
    """Returns the probability of each class for each row, from heads that were fitted without it.

    All rows are held out in turn, in 5 folds, and the probabilities of all repeats are averaged.
    Copies of a row and near-duplicates are held out together, whatever their classes. A class whose
    rows are all of one group or one scene is never held out: its rows get the probabilities of
    heads that were fitted to them.

    Args:
        embeddings: [N, D].
        labels: Integers [N], at least 0; C is one more than the highest.
        groups: The group of each row, integers [N], such as the video of a frame: rows of one group
            are held out together. None for no groups.
        seed: Seeds the folds.
        repeats: The number of repeats, at least 1.
        penalty: The L2 penalty of the heads, as for :meth:`SoftmaxRegression.fit`; None to choose
            it on all rows.

    Returns:
        The probabilities, float32 [N, C].

    Raises:
        ValueError: A shape is wrong, a label or a number is out of range, or there are no rows.
    """
    data = read_any_labeled(embeddings, labels)
    seed = as_whole_number(seed, "seed", 0)
    repeats = as_whole_number(repeats, "repeats", 1)
    given = None if groups is None else read_groups(groups, len(data))
    scenes = number_scenes(data.embeddings, data.labels, given)
    if penalty is None:
        penalty = choose_penalty(data, scenes, seed)
    folds = draw_folds(data.labels, scenes, repeats, seed)
    return cross_fitted(data, folds, penalty, np.ones(len(data), bool))


def read_any_labeled(embeddings: EmbeddingsLike, labels: ArrayLike) -> LabeledEmbeddings:
    """Checks embeddings of any number of features, and labels of any number of classes.

    Raises:
        ValueError: A shape is wrong, a label is negative, or a number is not finite.
    """
    rows = as_any_embeddings(embeddings, "embeddings")
    if len(rows) == 0:
        raise ValueError("embeddings must hold at least one embedding")
    return LabeledEmbeddings(rows, as_labels(labels, len(rows), MAX_CLASSES, "labels"))


def as_any_embeddings(value: EmbeddingsLike, name: str) -> Embeddings:
    """Returns embeddings of any number of features as ``inputs.as_embeddings`` does.

    Raises:
        ValueError: ``value`` is not a matrix of finite numbers.
    """
    if not isinstance(value, Embeddings):
        value = as_array(value, name)
    rows = as_embeddings(value, value.shape[1] if value.ndim == 2 else 0, name)
    if rows.quantized.dtype == np.float32 and not np.isfinite(rows.quantized).all():
        raise ValueError(f"{name} must be finite float32 numbers")
    return rows


def choose_penalty(data: LabeledEmbeddings, scenes: NDArray[np.int64], seed: int) -> float:
    """Returns the L2 penalty that a fit to all rows chooses."""
    head = SoftmaxRegression(data.embeddings.shape[1], int(data.labels.max()) + 1, seed=seed)
    return head.fit(data.embeddings, data.labels, groups=scenes).penalty


def draw_folds(
    labels: LabelVector, scenes: NDArray[np.int64], repeats: int, seed: int
) -> NDArray[np.int64]:
    """Assigns rows to folds several times.

    Args:
        labels: The class of each row, [N].
        scenes: The number of the scene of each row, from 0, [N]; a scene goes to one fold.
        repeats: How often.
        seed: Seeds the folds.

    Returns:
        The fold of each row in each repeat, [repeats, N]; -1 for the rows of a class that would
        all be held out together.
    """
    generator = np.random.default_rng(seed)
    first = np.unique(scenes, return_index=True)[1]
    drawn = np.stack([fold_numbers(labels[first], None, generator)[scenes] for _ in range(repeats)])
    for folds in drawn:
        for label in present_labels(labels):
            rows = labels == label
            if len(present_labels(folds[rows])) == 1:
                folds[rows] = -1
    return drawn


def cross_fitted(
    data: LabeledEmbeddings,
    folds: NDArray[np.int64],
    penalty: float,
    fitted: NDArray[np.bool_],
) -> ProbabilityMatrix:
    """Fits a head without each fold, and returns the mean probabilities of the rows, [N, C].

    Args:
        data: N embeddings and their labels.
        folds: The fold of each row in each repeat, [R, N]; -1 if it is in none.
        penalty: The L2 penalty.
        fitted: Which rows heads may be fitted to, [N].
    """
    features, classes = data.embeddings.shape[1], int(data.labels.max()) + 1
    total = np.zeros((len(data), classes))
    heads = np.zeros((len(data), 1))
    for train, answered in _parts(folds, fitted):
        head = SoftmaxRegression(features, classes, seed=0)
        embeddings = normalize_lengths(data.embeddings[train], classes)
        head.fit(embeddings, data.labels[train], penalty=penalty)
        total[answered] += head.predict_proba(data.embeddings[answered])
        heads[answered] += 1
    return np.asarray(total / heads, np.float32)


def _parts(
    folds: NDArray[np.int64], fitted: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yields the rows to fit a head to, and the rows that it gives probabilities for."""
    for numbers in folds:
        held_out = [numbers == fold for fold in range(FOLDS)]
        for rows in [rows for rows in held_out if rows.any()] or [numbers >= 0]:
            train = ~rows & fitted if (~rows & fitted).any() else ~rows
            yield np.flatnonzero(train), np.flatnonzero(rows | (numbers < 0))
