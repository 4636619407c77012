"""Judging embeddings by a head that is fitted to some of them and measured on the others."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset.folder import ImageFolder
from ..embeddings import Embeddings
from ..heads.softmax_regression import SoftmaxRegression

_LEAST_OF_A_CLASS = 5
_FOLDS = 5
_PENALTIES = (0.03, 0.1, 0.3)
_MIN_PROBABILITY = 1e-7


def sample_rows(
    labels: NDArray[np.int64], per_class: int = 20, most: int = 100
) -> NDArray[np.int64]:
    """Draws rows to measure on, about the same number of each class.

    Args:
        labels: The class of each row, int64 [N].
        per_class: The most rows of one class.
        most: The most rows in all.

    Returns:
        The rows, ascending.
    """
    random = np.random.default_rng(0)
    # Some photos of a few classes tell more than one photo of each of many classes.
    classes = random.permutation(np.unique(labels))[: most // _LEAST_OF_A_CLASS]
    each = min(per_class, most // len(classes))
    rows = [random.permutation(np.flatnonzero(labels == label))[:each] for label in classes]
    return np.sort(np.concatenate(rows))


def sample_photos(
    photos: ImageFolder, per_class: int = 40, most: int = 400
) -> tuple[list[Path], NDArray[np.int64]]:
    """Draws photos to measure on; those that the folder gives to validation or test are left out.

    Returns:
        The paths of the photos, and the class of each, int64 [N].
    """
    rows = np.arange(len(photos)) if photos.split is None else photos.split.train
    rows = rows[sample_rows(photos.labels[rows], per_class, most)]
    return [photos.paths[row] for row in rows], photos.labels[rows]


def held_out_loss(embeddings: Embeddings, labels: NDArray[np.int64]) -> float:
    """Returns the mean cross entropy of quick heads on embeddings that they were not fitted to.

    The embeddings are held out in turn, so that a few of each class are enough to compare two ways
    of making them. They are scaled to a spread of 1, so that losses differ only in what the
    embeddings tell about the classes.

    Args:
        embeddings: The embeddings, [N, D].
        labels: Their classes, int64 [N].

    Returns:
        The loss; infinite if fewer than two classes have two embeddings.
    """
    found, counts = np.unique(labels, return_counts=True)
    rows = np.isin(labels, found[counts > 1])
    values, labels = np.asarray(embeddings, np.float64)[rows], labels[rows]
    if len(np.unique(labels)) < 2 or not np.isfinite(values).all():
        return float("inf")
    _, classes = np.unique(labels, return_inverse=True)
    folds = _folds(classes)
    losses = np.zeros((len(_PENALTIES), len(classes)))
    for fold in range(int(folds.max()) + 1):
        train, test = folds != fold, folds == fold
        center = values[train].mean(axis=0)
        spread = float(np.linalg.norm(values[train] - center)) / np.sqrt(train.sum())
        scaled = ((values - center) / (spread or 1.0)).astype(np.float32)
        for index, penalty in enumerate(_PENALTIES):
            head = SoftmaxRegression(scaled.shape[1], int(classes.max()) + 1, seed=0)
            head.fit(scaled[train], classes[train], penalty=penalty, seed=0)
            losses[index, test] = log_losses(head.predict_proba(scaled[test]), classes[test])
    return float(losses.mean(axis=1).min())


def log_losses(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Returns the negative logarithm of the probability of each photo's class, [N]."""
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(np.nan_to_num(right), _MIN_PROBABILITY, 1))


def _folds(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns a fold for each row, with the rows of a class spread over all of them."""
    folds = np.zeros(len(classes), np.int64)
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        folds[rows] = np.arange(len(rows)) % _FOLDS
    return folds
