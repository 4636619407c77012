"""The learning curve: what more photos would bring."""

import numpy as np
import pytest

from coral_learn import learning_curve
from coral_learn.heads.softmax_regression import SoftmaxRegression
from coral_learn.jobs.learning_curve import LearningCurve, describe_gain

pytestmark = pytest.mark.slow_when_emulated


def rows_of(per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(0).normal(size=(4, 40))
    labels = np.repeat(np.arange(4), per_class)
    return (centers[labels] + 2.2 * rng.normal(size=(len(labels), 40))).astype(np.float32), labels


def accuracy_of(per_class: int, seed: int) -> float:
    x, y = rows_of(per_class, seed)
    head = SoftmaxRegression(40, 4, seed=0)
    head.fit(x, y)
    return head.get_accuracy(*rows_of(2000, 99))


def test_the_gain_is_close_to_that_of_more_rows() -> None:
    gains, real = [], []
    for seed in range(6):
        curve = learning_curve(*rows_of(20, seed))
        assert curve is not None
        gains.append(curve.gain(20))
        real.append(accuracy_of(40, seed) - accuracy_of(20, seed))
    assert np.mean(gains) == pytest.approx(np.mean(real), abs=0.02)


def test_what_a_curve_says() -> None:
    curve = learning_curve(*rows_of(20, 0))
    assert curve is not None
    assert curve.photos == 20
    assert curve.sizes == [4, 8, 16]
    assert len(curve.accuracies) == 3
    assert curve.gain(0) == 0
    assert 0 < curve.gain(1) < curve.gain(100) < curve.error
    assert curve == learning_curve(*rows_of(20, 0))
    with pytest.raises(ValueError, match="more"):
        curve.gain(-1)


def test_without_two_rows_of_a_class_there_is_no_curve() -> None:
    assert learning_curve(np.eye(3, dtype=np.float32), [0, 1, 2]) is None


def test_noise_says_nothing_about_more_rows() -> None:
    rng = np.random.default_rng(0)
    for photos in (20, 100):
        x = rng.normal(size=(2 * photos, 30)).astype(np.float32)
        assert learning_curve(x, np.arange(2 * photos) % 2) is None


def test_a_curve_of_rows_that_are_always_right() -> None:
    x = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0)
    x += np.arange(30, dtype=np.float32)[:, None] * 1e-3
    curve = learning_curve(x, np.repeat([0, 1, 2], 10))
    assert curve is not None
    assert 0 < curve.error < 0.03
    assert "less than a point" in describe_gain(curve)


def test_the_gain_in_words() -> None:
    curve = LearningCurve(20, [4, 8, 16], [0.6, 0.7, 0.8], 0.18, 0.4)
    assert describe_gain(curve) == (
        "20 more photos of each class would bring about 4 points of accuracy"
    )
    assert describe_gain(curve, 3).endswith("about 1 point of accuracy")
