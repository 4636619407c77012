"""Thresholds for a wished precision, and sets of classes for a wished coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.jobs.calibration import calibration_error
from coral_learn.jobs.conformal import lowest_probability, own_class_quantiles
from coral_learn.jobs.held_out import HeldOutScores
from coral_learn.jobs.threshold import choose_threshold

pytestmark = pytest.mark.slow_when_emulated


def scores_of(confidence: list[float], right: list[bool]) -> HeldOutScores:
    """Returns the scores of two classes with these probabilities of the first, always chosen."""
    first = np.array(confidence, np.float32)
    labels = np.where(right, 0, 1)
    return HeldOutScores(
        np.stack([first, 1 - first], axis=1), labels, *[np.arange(len(labels))] * 2
    )


def calibrated(rows: int, seed: int) -> HeldOutScores:
    """Returns scores that are right as often as they say."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([0.3] * 4, rows).astype(np.float32)
    drawn = (probabilities.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1).clip(0, 3)
    return HeldOutScores(probabilities, drawn, *[np.arange(rows)] * 2)


def test_the_lowest_threshold_that_is_right_often_enough() -> None:
    scores = scores_of([0.95, 0.9, 0.8, 0.7, 0.6], [True, True, False, True, True])
    everything = choose_threshold(scores, 0.8)
    assert everything.answered == 1
    assert everything.precision == pytest.approx(0.8)
    assert everything.probability < 0.6
    some = choose_threshold(scores, 0.9)
    assert some.answered == pytest.approx(0.4)
    assert some.precision == 1
    assert some.interval[0] < 0.5  # of two photos
    assert some.interval[1] == 1
    assert 0.8 < some.probability < 0.9


def test_answers_of_the_same_probability_stay_together() -> None:
    scores = scores_of([0.9, 0.8, 0.8], [True, True, False])
    found = choose_threshold(scores, 1.0)
    assert found.answered == pytest.approx(1 / 3)
    assert 0.8 < found.probability < 0.9


def test_a_precision_that_no_threshold_reaches() -> None:
    with pytest.raises(ValueError, match=r"a precision of 0\.9: at best, 50\.0%"):
        choose_threshold(scores_of([0.9, 0.8], [False, True]), 0.9)


@given(st.integers(1, 80), st.integers(0, 999), st.floats(0.3, 1))
def test_a_threshold_does_what_it_says(rows: int, seed: int, precision: float) -> None:
    scores = calibrated(rows, seed)
    try:
        found = choose_threshold(scores, precision)
    except ValueError:
        return
    answered = scores.confidence >= found.probability
    assert answered.mean() == pytest.approx(found.answered)
    assert scores.right[answered].mean() == pytest.approx(found.precision)
    assert found.precision >= precision


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.99])
def test_sets_contain_the_right_class_as_often_as_wished(coverage: float) -> None:
    kept = own_class_quantiles(calibrated(3000, 1).of_own_class, 3000)
    assert kept.dtype == np.float16
    assert len(kept) == 500
    new = calibrated(20_000, 2)
    lowest = lowest_probability(kept, coverage)
    assert (new.of_own_class >= lowest).mean() == pytest.approx(coverage, abs=0.02)


def test_with_few_photos_a_high_coverage_takes_all_classes() -> None:
    kept = own_class_quantiles(np.array([0.5, 0.9], np.float32), 2)
    assert lowest_probability(kept, 0.9) == 0
    assert lowest_probability(kept, 0.5) == 0.5


def test_repeats_promise_no_more_than_the_photos() -> None:
    of_own_class = np.linspace(0.1, 0.9, 180, dtype=np.float32)  # 60 photos, three times each
    kept = own_class_quantiles(of_own_class, 60)
    assert len(kept) == 60
    assert kept[0] == np.float16(0.1)
    assert lowest_probability(kept, 0.99) == 0
    assert lowest_probability(kept, 0.98) == kept[0]


def test_calibrated_answers_have_no_calibration_error() -> None:
    scores = calibrated(40_000, 3)
    assert calibration_error(scores.confidence, scores.right) < 0.01
    sure = np.ones(4, np.float32)
    assert calibration_error(sure, np.array([True, True, False, True])) == pytest.approx(0.25)
