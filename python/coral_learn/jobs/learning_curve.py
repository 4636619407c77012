"""The learning curve: how much more accurate a head would be with more photos."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import present_labels
from ..embeddings import Embeddings
from ..heads.cross_fitting import Score, score_folds
from ..heads.folds import make_folds
from ..heads.inputs import EmbeddingsLike, as_whole_number
from ..heads.refit import score_by_refits
from ..heads.scenes import number_scenes
from ..heads.softmax_regression import SoftmaxRegression
from ..heads.training_data import read_any_labeled, read_groups
from ..notebook import table
from ..words import percent, points
from .held_out import HeldOutScores, score_held_out

_FRACTIONS = (0.25, 0.5)  # of the photos that a head is trained on; the cross-validation adds 1
# With twice the photos, the error of embeddings of photos falls to 2^-0.35 = 78%. The flowers, with
# two extractors and 5 to 50 photos a class, have exponents of 0.28 to 0.53.
_EXPONENT, _EXPONENT_DEVIATION = 0.35, 0.08
_EXPONENTS = np.linspace(0.02, 1.2, 60)
_ERRORS = np.geomspace(1e-3, 0.95, 200)  # with the most photos that were tried
_MAX_ERROR = 0.98


@dataclass(frozen=True)
class LearningCurve:
    """How the accuracy grows with the number of photos.

    The error with n photos of each class is ``error * (n / photos) ** -exponent``.
    Source: J. Hestness et al., "Deep learning scaling is predictable, empirically", arXiv
    1712.00409 (2017).

    Attributes:
        photos: The number of photos for each class, on average.
        sizes: The numbers of training photos for each class that were tried.
        accuracies: The accuracy on other photos with each of them, in [0, 1].
        error: The expected error with all photos, in [0, 1].
        exponent: How fast the error falls.

    Examples:
        >>> from coral_learn.jobs.learning_curve import LearningCurve
        >>> curve = LearningCurve(40, [8, 16, 32], [0.7, 0.78, 0.82], error=0.17, exponent=0.35)
        >>> curve
        LearningCurve(40 photos of each class, error 17.0%, exponent 0.35)
        >>> round(curve.expected_accuracy(photos=80), 3), round(curve.gain(more=40), 3)
        (0.867, 0.037)
    """

    photos: float
    sizes: list[float]
    accuracies: list[float]
    error: float
    exponent: float

    def __repr__(self) -> str:
        return (
            f"LearningCurve({self.photos:.4g} photos of each class, error {percent(self.error)}, "
            f"exponent {self.exponent:.2f})"
        )

    def _repr_html_(self) -> str:
        rows = [
            (f"{size:.4g}", percent(accuracy))
            for size, accuracy in zip(self.sizes, self.accuracies, strict=True)
        ]
        columns = ("photos of each class", "accuracy")
        return table(repr(self), rows, columns=columns, text=f"{describe_gain(self)}.")

    def expected_accuracy(self, photos: float) -> float:
        """Returns the accuracy that is expected with a number of photos of each class, in [0, 1].

        Args:
            photos: The number of photos of each class, above 0. With fewer than the last of
                ``sizes``, the measured accuracies say more.

        Raises:
            ValueError: ``photos`` is not above 0.
        """
        if not photos > 0:
            raise ValueError(f"photos must be above 0, not {photos}")
        return float(1 - self.error * (photos / self.photos) ** -self.exponent)

    def gain(self, more: int) -> float:
        """Returns by how much the accuracy is expected to grow with more photos of each class.

        Args:
            more: The number of further photos of each class, at least 0.

        Raises:
            ValueError: ``more`` is negative.
        """
        more = as_whole_number(more, "more", 0)
        return self.expected_accuracy(self.photos + more) - (1 - self.error)


def learning_curve(
    embeddings: EmbeddingsLike,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> LearningCurve | None:
    """Measures how much more accurate a fitted head would be with more photos.

    Heads are fitted to a quarter, to half and to all of four fifths of the rows, and tested on the
    others.

    Args:
        embeddings: [N, D].
        labels: Integers [N] in [0, C).
        groups: The group of each row, integers [N], of which all rows are tested together, as are
            copies and near-duplicates. None for no groups.
        seed: The seed of the random choices.

    Returns:
        The curve, or None if no class has two different rows, or if heads are hardly better than
        chance, so that nothing says whether more rows would help.

    Raises:
        ValueError: A shape is wrong, a label is out of range, or a number is not finite.

    Examples:
        >>> import numpy as np
        >>> from coral_learn import learning_curve
        >>> generator = np.random.default_rng(0)
        >>> labels = np.arange(120) % 3
        >>> rows = generator.normal(size=(120, 16)) + 0.8 * np.eye(3, 16)[labels]
        >>> curve = learning_curve(rows.astype(np.float32), labels)
        >>> [round(size) for size in curve.sizes]
        [8, 16, 32]
        >>> 0 < curve.gain(more=20) < curve.error
        True
    """
    data = read_any_labeled(embeddings, labels)
    given = None if groups is None else read_groups(groups, len(data))
    features, classes = data.embeddings.shape[1], int(data.labels.max()) + 1
    scenes = number_scenes(data.embeddings, data.labels, given)
    whole = SoftmaxRegression(features, classes, seed=seed)
    record = whole.fit(data.embeddings, data.labels, groups=scenes)
    rows, labels = data.embeddings, data.labels.astype(np.int64)
    score = score_by_refits(record, rows, labels, classes, seed=seed)
    scores = score_held_out(rows, labels, score, seed, scenes)
    return scores and measure_learning_curve(rows, labels, score, scores, seed, scenes)


def measure_learning_curve(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    score: Score,
    scores: HeldOutScores,
    seed: int | None,
    scenes: NDArray[np.int64] | None = None,
) -> LearningCurve | None:
    """Measures the learning curve of any way of training; see :func:`learning_curve`.

    Args:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class of each photo, [N].
        score: Trains a head on rows, and returns its probabilities for other embeddings.
        scores: The probabilities of heads that were trained on four fifths of the photos.
        seed: The seed of the random choices; None for others each time.
        scenes: As for :func:`score_held_out`.
    """
    if not scores.beats_chance:
        return None
    folds = make_folds(labels, scenes, np.random.default_rng(seed))
    generator = np.random.default_rng(seed)
    classes, tested = len(present_labels(labels)), scores.num_photos
    sizes, errors = [], []
    for fraction in _FRACTIONS:
        parts = [
            (_part_of_each_class(rows, labels, fraction, generator), held_out)
            for rows, held_out in folds
        ]
        wrong = sum(
            int((probabilities.argmax(axis=1) != labels[held_out]).sum())
            for probabilities, (_, held_out) in zip(
                score_folds(embeddings, parts, score), parts, strict=True
            )
        )
        sizes.append(sum(len(rows) for rows, _ in parts) / len(folds) / classes)
        errors.append(wrong / tested)
    sizes.append(sum(len(rows) for rows, _ in folds) / len(folds) / classes)
    errors.append(1 - float(scores.right.mean()))
    photos_of_class = len(labels) / classes
    exponent = _exponent(np.array(sizes), np.array(errors), scores.num_independent)
    # A power law bends the curve too little: with few photos, the error is higher than it says. So
    # only the error with the most photos says where the curve goes on.
    last = (errors[-1] * tested + 0.5) / (tested + 1)
    error = last * (sizes[-1] / photos_of_class) ** exponent
    return LearningCurve(photos_of_class, sizes, [1 - each for each in errors], error, exponent)


def _part_of_each_class(
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    fraction: float,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Returns a fraction of the rows of each class, at least one of each."""
    parts = []
    for label in present_labels(labels[rows]):
        of_class = generator.permutation(rows[labels[rows] == label])
        parts.append(of_class[: max(1, round(fraction * len(of_class)))])
    return np.sort(np.concatenate(parts))


def _exponent(sizes: NDArray[np.float64], errors: NDArray[np.float64], tested: int) -> float:
    """Returns the most probable exponent of the curve.

    Args:
        sizes: The numbers of photos, [K].
        errors: The error with each number, [K].
        tested: The number of photos that each error was measured on.
    """
    relative = sizes / sizes[-1]
    expected = np.minimum(_ERRORS[:, None] * relative ** -_EXPONENTS[:, None, None], _MAX_ERROR)
    wrong = errors * tested
    fit = (wrong * np.log(expected) + (tested - wrong) * np.log1p(-expected)).sum(axis=2)
    fit -= (_EXPONENTS[:, None] - _EXPONENT) ** 2 / (2 * _EXPONENT_DEVIATION**2)
    return float(_EXPONENTS[fit.max(axis=1).argmax()])


def describe_gain(curve: LearningCurve, more: int = 20) -> str:
    """Returns what more photos would bring, in words."""
    gain = points(curve.gain(more))
    about = gain if gain.startswith("less") else f"about {gain}"
    return f"{more} more photos of each class would bring {about} of accuracy"
