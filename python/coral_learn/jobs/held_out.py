"""Scores of photos by heads that were trained without them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import ProbabilityMatrix
from ..embeddings import Embeddings
from .folds import make_folds

REPEATS = 3
"""How often all photos are held out in turn, in other folds each time."""

Score = Callable[[NDArray[np.int64], Embeddings], ProbabilityMatrix]
"""Trains a head on the given rows, and returns the probabilities of other embeddings."""


class HeldOutScores(NamedTuple):
    """Scores of photos by heads that were trained without them.

    Attributes:
        probabilities: The probability of each class, float32 [R, C]: a row for each time that a
            photo was held out.
        labels: The class of each row's photo, [R].
        photos: The row number of each row's photo among all photos, [R].
    """

    probabilities: ProbabilityMatrix
    labels: NDArray[np.int64]
    photos: NDArray[np.int64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the most probable class is that of the photo, [R]."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.labels)

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of the most probable class, [R]."""
        return np.asarray(self.probabilities.max(axis=1), np.float32)

    @property
    def of_own_class(self) -> NDArray[np.float32]:
        """The probability of the class of the photo, [R]."""
        return self.probabilities[np.arange(len(self.labels)), self.labels]

    @property
    def num_photos(self) -> int:
        """The number of different photos."""
        return len(np.unique(self.photos))


def score_held_out(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    score: Score,
    seed: int | None,
    groups: NDArray[np.int64] | None = None,
    repeats: int = REPEATS,
) -> HeldOutScores | None:
    """Scores photos by cross-validation: each of them by a head that was trained without it.

    Args:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class of each photo, [N].
        score: Trains a head, and returns its probabilities.
        seed: The seed of the folds; None for other folds each time.
        groups: As for :func:`make_folds`.
        repeats: How often every photo is held out.

    Returns:
        The scores, or None if no class has two different photos.
    """
    probabilities, photos = [], []
    for repeat in range(repeats):
        seed_of_folds = None if seed is None else (seed, repeat)
        for rows, held_out in make_folds(embeddings, labels, seed_of_folds, groups):
            probabilities.append(score(rows, embeddings[held_out]))
            photos.append(held_out)
    if not photos:
        return None
    rows = np.concatenate(photos)
    return HeldOutScores(np.concatenate(probabilities), labels[rows], rows)
