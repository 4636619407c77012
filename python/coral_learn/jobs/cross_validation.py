"""Cross-validation: every photo is tested by heads that were trained without it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .calibration import calibration_error
from .held_out import HeldOutScores
from .interval import Interval


@dataclass(frozen=True)
class ClassRecall:
    """How many photos of a class are recognized.

    Attributes:
        name: The name of the class.
        photos: The number of its photos that were tested.
        recall: The fraction of them that is classified correctly, in [0, 1]; None without photos.
        interval: The 95% confidence interval of the recall; None without photos.
    """

    name: str
    photos: int
    recall: float | None
    interval: Interval | None


@dataclass(frozen=True)
class CrossValidation:
    """The accuracy on photos that a head was not trained on, over all folds and repeats.

    Attributes:
        accuracy: The fraction of photos classified correctly, in [0, 1].
        photos: The number of photos that were tested.
        interval: The 95% confidence interval of the accuracy.
        macro_accuracy: The mean recall of the classes, which count the same however many photos
            they have.
        macro_interval: The 95% confidence interval of the macro accuracy.
        recalls: The recall of each class.
        calibration_error: By how much the probability of the answers differs from how often they
            are right, in [0, 1]; see :func:`calibration_error`.
    """

    accuracy: float
    photos: int
    interval: Interval
    macro_accuracy: float
    macro_interval: Interval
    recalls: list[ClassRecall]
    calibration_error: float


def cross_validation_of(scores: HeldOutScores, classes: Sequence[str]) -> CrossValidation:
    """Returns what scores by held-out heads say about a way of training.

    A photo that is right in two of three repeats counts as two thirds. Photos of one scene are
    hardly more evidence than one of them, so that the intervals become wider.

    Args:
        scores: The scores.
        classes: The names of the classes.
    """
    photos = scores.num_photos
    accuracy = float(scores.right.mean())
    recalls = [_recall(scores, index, name) for index, name in enumerate(classes)]
    macro, macro_interval = _macro(recalls)
    return CrossValidation(
        accuracy,
        photos,
        scores.interval(accuracy),
        macro,
        macro_interval,
        recalls,
        calibration_error(scores.confidence, scores.right),
    )


def _recall(scores: HeldOutScores, index: int, name: str) -> ClassRecall:
    of_class = scores.of_rows(scores.labels == index)
    if not len(of_class.labels):
        return ClassRecall(name, 0, None, None)
    recall = float(of_class.right.mean())
    return ClassRecall(name, of_class.num_photos, recall, of_class.interval(recall))


def _macro(recalls: Sequence[ClassRecall]) -> tuple[float, Interval]:
    """Returns the mean recall of the classes that were tested, and its interval.

    The distances to the limits of independent intervals are added in squares. Source: G. Y. Zou and
    A. Donner, "Construction of confidence limits about effect measures: a general approach",
    Statistics in Medicine 27 (2008).
    """
    tested = [
        (each.recall, each.interval)
        for each in recalls
        if each.recall is not None and each.interval is not None
    ]
    mean = sum(recall for recall, _ in tested) / len(tested)
    below = math.hypot(*(recall - low for recall, (low, _) in tested)) / len(tested)
    above = math.hypot(*(high - recall for recall, (_, high) in tested)) / len(tested)
    return mean, (max(0.0, mean - below), min(1.0, mean + above))
