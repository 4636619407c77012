"""Scores of photos by heads that were trained without them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import ProbabilityMatrix, present_labels
from ..embeddings import Embeddings
from ..heads.core import num_threads
from .confusion import confusion_matrix
from .folds import Fold, make_folds
from .interval import accuracy_interval

_MOST_REPEATS = 3
_ENOUGH_SCORES = 600  # further repeats change the accuracy by much less than its interval

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
    def confusion(self) -> NDArray[np.float64]:
        """The number of photos by true class (row) and named class (column), [C, C]."""
        classes = self.probabilities.shape[1]
        rows = confusion_matrix(self.labels, self.probabilities.argmax(axis=1), classes)
        return np.asarray(rows * (self.num_photos / len(self.labels)), np.float64)

    @property
    def beats_chance(self) -> bool:
        """Whether answers are clearly better than always naming the most frequent class."""
        photos = self.num_photos
        low, _ = accuracy_interval(float(self.right.mean()) * photos, photos)
        return low > float(np.bincount(self.labels).max()) / len(self.labels)

    @property
    def num_photos(self) -> int:
        """The number of different photos."""
        return len(present_labels(self.photos))


def score_held_out(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    score: Score,
    seed: int | None,
    groups: NDArray[np.int64] | None = None,
    repeats: int | None = None,
) -> HeldOutScores | None:
    """Scores photos by cross-validation: each of them by a head that was trained without it.

    Args:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class of each photo, [N].
        score: Trains a head, and returns its probabilities.
        seed: The seed of the folds; None for other folds each time.
        groups: As for :func:`make_folds`.
        repeats: How often every photo is held out, in other folds each time; None for up to three
            times where there are few photos.

    Returns:
        The scores, or None if no class has two different photos.
    """
    if repeats is None:
        repeats = min(_MOST_REPEATS, max(1, _ENOUGH_SCORES // len(labels)))
    folds = [
        fold
        for repeat in range(repeats)
        for fold in make_folds(embeddings, labels, None if seed is None else (seed, repeat), groups)
    ]
    if not folds:
        return None
    photos = np.concatenate([held_out for _, held_out in folds])
    probabilities = score_folds(embeddings, folds, score)
    return HeldOutScores(np.concatenate(probabilities), labels[photos], photos)


def score_folds(
    embeddings: Embeddings, folds: Sequence[Fold], score: Score
) -> list[ProbabilityMatrix]:
    """Returns the probabilities of the photos that each fold holds out.

    Several folds are scored at once, because one is too small to keep several threads busy.
    """
    with ThreadPoolExecutor(num_threads()) as executor:
        return list(executor.map(lambda fold: score(fold[0], embeddings[fold[1]]), folds))
