"""The letter that the report begins with: how good the model is, and what to do next."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...words import counted, percent, quoted
from ..interval import Interval, accuracy_interval
from ..learning_curve import LearningCurve
from ..review.findings import Review
from ..sample_size import MIN_TEST_PHOTOS
from .analysis import RECOMMENDED_PHOTOS, Analysis

_MORE = 20  # photos of each class
_MIN_GAIN = 0.005  # of the accuracy; advice that brings less is not worth the reader's time
_MIN_CONFUSED = 2  # photos
_MIN_PHOTOS_OF_A_CLASS = 10  # to say that it is recognized worse than others
_NOTABLY_WORSE = 0.05


@dataclass(frozen=True)
class Advice:
    """One thing to do next.

    Attributes:
        text: What to do, and why, in a sentence or two.
        gain: By how much the accuracy would grow, at most; None if nobody can say.
    """

    text: str
    gain: float | None


@dataclass(frozen=True)
class Letter:
    """What a reader wants to know first.

    Attributes:
        accuracy: The accuracy to expect on new photos; None if too few photos were held out.
        verdict: How good the model is, in a sentence or two.
        advice: What to do next, what brings most first.
    """

    accuracy: float | None
    verdict: str
    advice: list[Advice]


def write_letter(
    analysis: Analysis,
    curve: LearningCurve | None = None,
    confusion: NDArray[np.float64] | None = None,
    review: Review | None = None,
) -> Letter:
    """Writes the letter.

    Args:
        analysis: What the test photos show.
        curve: What more photos would bring, if it was measured.
        confusion: The number of photos by true class (row) and class that was named by heads
            trained without them (column), [C, C]; None if it was not measured.
        review: What is doubtful about the photos, if it is known.
    """
    accuracy, verdict = _verdict(analysis)
    advice = list(_advice(analysis, curve, confusion, review))
    advice.sort(key=lambda each: -1 if each.gain is None else -each.gain - 1)
    return Letter(accuracy, verdict + _weakest(analysis), advice)


def _verdict(analysis: Analysis) -> tuple[float | None, str]:
    validated = analysis.cross_validated
    if validated is not None and validated.photos >= MIN_TEST_PHOTOS:
        return validated.accuracy, _expected(validated.accuracy, validated.interval)
    if analysis.accuracy is None or analysis.interval is None:
        if validated is None:
            return None, "No photos were kept for the test, so nobody knows how good the model is."
        return None, _uncertain(validated.accuracy, validated.photos, validated.interval)
    if analysis.test_photos >= MIN_TEST_PHOTOS:
        return analysis.accuracy, _expected(analysis.accuracy, analysis.interval)
    if validated is not None and validated.photos > analysis.test_photos:
        return None, _uncertain(validated.accuracy, validated.photos, validated.interval)
    return None, _uncertain(analysis.accuracy, analysis.test_photos, analysis.interval)


def _expected(accuracy: float, interval: Interval) -> str:
    low, high = map(percent, interval)
    return (
        f"On new photos like these, the model is right about {percent(accuracy)} of the time "
        f"(with 95% confidence, between {low} and {high})."
    )


def _uncertain(accuracy: float, photos: int, interval: Interval) -> str:
    low, high = map(percent, interval)
    return (
        f"It is too early to say how good the model is: it was right on {percent(accuracy)} of "
        f"only {counted(photos, 'photo')} that it had not seen, which may mean anything between "
        f"{low} and {high}."
    )


def _weakest(analysis: Analysis) -> str:
    """Returns a sentence about the class that is recognized worst, if it stands out."""
    validated = analysis.cross_validated
    if validated is None:
        return ""
    known = [
        (each.recall, each.name)
        for each in validated.recalls
        if each.recall is not None and each.photos >= _MIN_PHOTOS_OF_A_CLASS
    ]
    if len(known) < 2:
        return ""
    recall, name = min(known)
    if recall > validated.macro_accuracy - _NOTABLY_WORSE:
        return ""
    return f" It is weakest at {quoted([name])}: it recognizes {percent(recall)} of them."


def _advice(
    analysis: Analysis,
    curve: LearningCurve | None,
    confusion: NDArray[np.float64] | None,
    review: Review | None,
) -> Iterator[Advice]:
    if curve is not None and (gain := curve.gain(_MORE)) >= _MIN_GAIN:
        yield Advice(f"Add photos: {_MORE} more of each class.", gain)
    if confusion is not None:
        yield from _confused_classes(analysis, confusion)
    if analysis.small_classes:
        most = len(analysis.small_classes)
        yield Advice(
            f"Add photos of {quoted(analysis.small_classes, most)}, with fewer than "
            f"{RECOMMENDED_PHOTOS} to train on.",
            None,
        )
    if review is not None:
        yield from _wrong_labels(review)
    if analysis.wrong_predictions and (review is None or not review.doubtful):
        yield Advice(
            "Look at the wrong answers below. A photo in the wrong folder teaches the wrong thing: "
            "`coral-learn review PHOTOS` finds others like it.",
            None,
        )
    if analysis.near_duplicates:
        number = len(analysis.near_duplicates)
        yield Advice(
            f"Test on other photos: {counted(number, 'test photo')} "
            f"{'looks' if number == 1 else 'look'} like a training photo (see below), so that "
            "new photos are probably harder than this test.",
            None,
        )


def _wrong_labels(review: Review) -> Iterator[Advice]:
    contradictions = len(review.duplicates)
    if contradictions:
        yield Advice(
            f"Choose one label for {counted(contradictions, 'photo')} that "
            f"{'is' if contradictions == 1 else 'are'} in several classes (see below): training "
            f"skipped {'it' if contradictions == 1 else 'them'}.",
            None,
        )
    if review.doubtful:
        yield Advice(
            f"Check {counted(len(review.doubtful), 'doubtful label')} (see below): a photo in the "
            "wrong folder teaches the wrong thing. Others are right, and just hard.",
            None,
        )


def _confused_classes(analysis: Analysis, confusion: NDArray[np.float64]) -> Iterator[Advice]:
    """Yields advice about all classes if they are confused, or else about the worst two."""
    photos = round(float(confusion.sum()))
    low, _ = accuracy_interval(float(np.trace(confusion)), photos)
    if low <= confusion.sum(axis=1).max() / photos:
        yield Advice(
            "Check the photos, because the model is hardly better than always naming the largest "
            "class: are they in the right folders, and do they show what tells the classes apart?",
            None,
        )
        return
    both = confusion + confusion.T
    np.fill_diagonal(both, 0)
    one, other = np.unravel_index(both.argmax(), both.shape)
    photos, gain = both[one, other], both[one, other] / confusion.sum()
    if photos < _MIN_CONFUSED or gain < _MIN_GAIN:
        return
    first, second = analysis.classes[one].name, analysis.classes[other].name
    yield Advice(
        f"Tell {first!r} and {second!r} apart: {counted(round(photos), 'photo')} of one "
        f"{'was' if round(photos) == 1 else 'were'} taken for the other. Add photos that show the "
        "difference, or make them one class.",
        float(gain),
    )
