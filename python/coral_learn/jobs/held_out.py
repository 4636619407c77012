"""Scores of photos by heads that were trained without them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import ProbabilityMatrix, present_labels
from ..embeddings import Embeddings
from ..heads.cross_fitting import Score, score_folds
from ..heads.folds import make_folds
from .confusion import confusion_matrix
from .interval import Interval, accuracy_interval

_MOST_REPEATS = 3
_ENOUGH_SCORES = 600  # further repeats change the accuracy by much less than its interval


class HeldOutScores(NamedTuple):
    """Scores of photos by heads that were trained without them.

    Attributes:
        probabilities: The probability of each class, float32 [R, C]: a row for each time that a
            photo was held out.
        labels: The class of each row's photo, [R].
        photos: The row number of each row's photo among all photos, [R].
        scenes: The scene of each row's photo, [R].
    """

    probabilities: ProbabilityMatrix
    labels: NDArray[np.int64]
    photos: NDArray[np.int64]
    scenes: NDArray[np.int64]

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
        low, _ = self.interval(float(self.right.mean()))
        return low > float(np.bincount(self.labels).max()) / len(self.labels)

    @property
    def num_photos(self) -> int:
        """The number of different photos."""
        return len(present_labels(self.photos))

    @property
    def num_independent(self) -> int:
        """How many photos of different scenes would be as much evidence as these.

        Source: the effective sample size of L. Kish, "Survey sampling", Wiley 1965, where the
        answers for photos of one scene are the same.
        """
        first = np.unique(self.photos, return_index=True)[1]
        sizes = np.unique(self.scenes[first], return_counts=True)[1]
        return max(1, round(float(sizes.sum() ** 2 / (sizes**2).sum())))

    def by_photo(self, labels: NDArray[np.int64]) -> ProbabilityMatrix:
        """Returns the mean probabilities of each of all N photos, [N, C].

        A photo that was never held out gets its label, whatever it shows.

        Args:
            labels: The class of each photo, [N].
        """
        total = np.zeros((len(labels), self.probabilities.shape[1]))
        np.add.at(total, self.photos, self.probabilities)
        times = np.bincount(self.photos, minlength=len(labels))
        total[times == 0, labels[times == 0]] = 1
        return np.asarray(total / np.maximum(times, 1)[:, np.newaxis], np.float32)

    def interval(self, fraction: float) -> Interval:
        """Returns the 95% confidence interval of a fraction of these photos."""
        return accuracy_interval(fraction * self.num_independent, self.num_independent)

    def of_rows(self, rows: NDArray[np.bool_]) -> "HeldOutScores":
        """Returns some of the rows, by a mask [R]."""
        return HeldOutScores(
            self.probabilities[rows], self.labels[rows], self.photos[rows], self.scenes[rows]
        )


def score_held_out(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    score: Score,
    seed: int | None,
    scenes: NDArray[np.int64] | None = None,
    repeats: int | None = None,
) -> HeldOutScores | None:
    """Scores photos by cross-validation: each of them by a head that was trained without it.

    Args:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class of each photo, [N].
        score: Trains a head, and returns its probabilities.
        seed: The seed of the folds; None for other folds each time.
        scenes: The scene of each photo, [N], which is held out whole; None if every photo is a
            scene of its own.
        repeats: How often every photo is held out, in other folds each time; None for up to three
            times where there are few photos.

    Returns:
        The scores, or None if no class has two scenes.
    """
    if repeats is None:
        repeats = min(_MOST_REPEATS, max(1, _ENOUGH_SCORES // len(labels)))
    seeds = [None if seed is None else (seed, repeat) for repeat in range(repeats)]
    folds = [
        fold for each in seeds for fold in make_folds(labels, scenes, np.random.default_rng(each))
    ]
    if not folds:
        return None
    photos = np.concatenate([held_out for _, held_out in folds])
    probabilities = score_folds(embeddings, folds, score)
    if scenes is None:
        scenes = np.arange(len(labels))
    return HeldOutScores(np.concatenate(probabilities), labels[photos], photos, scenes[photos])
