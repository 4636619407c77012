"""Judging embeddings by a head that is fitted to some of them and measured on the others."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset.folder import ImageFolder
from ..embeddings import Embeddings
from ..heads.softmax_regression import SoftmaxRegression

_MAX_PHOTOS_OF_A_CLASS = 40
_MAX_PHOTOS = 400


def held_out_loss(embeddings: Embeddings, labels: NDArray[np.int64], seed: int) -> float:
    """Returns the mean cross entropy of a fitted head on embeddings that it was not fitted to.

    The embeddings are held out in turn, so that a few of each class are enough to compare two ways
    of making them.

    Args:
        embeddings: The embeddings, [N, D].
        labels: The class of each, [N].
        seed: Chooses which embeddings are held out together.

    Returns:
        The loss; infinity if no class has two embeddings.
    """
    classes, indices = np.unique(labels, return_inverse=True)
    head = SoftmaxRegression(embeddings.shape[1], len(classes), seed=seed)
    losses = head.fit(embeddings, indices, seed=seed).validation_losses
    return min(losses.values(), default=math.inf)


def sample_photos(photos: ImageFolder, seed: int) -> tuple[Sequence[Path], NDArray[np.int64]]:
    """Draws photos to measure on, up to the same number of each class.

    Photos that the folder gives to validation or to the test are left out.

    Returns:
        The paths of the photos, and the class of each.
    """
    rows = np.arange(len(photos.labels)) if photos.split is None else photos.split.train
    labels = photos.labels[rows]
    limit = max(2, min(_MAX_PHOTOS_OF_A_CLASS, _MAX_PHOTOS // len(photos.classes)))
    generator = np.random.default_rng(seed)
    chosen = np.concatenate(
        [generator.permutation(rows[labels == label])[:limit] for label in np.unique(labels)]
    )
    return [photos.paths[row] for row in chosen], photos.labels[chosen]
