"""The temperature of a head: probabilities that say how often it is right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.heads import penalty_search
from coral_learn.heads.softmax_regression import SoftmaxRegression
from coral_learn.heads.temperature import LossesAt, choose_temperature, losses_of

pytestmark = pytest.mark.slow_when_emulated


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def losses(factor: float, rows: int, seed: int = 0, classes: int = 4) -> LossesAt:
    """Returns the losses of answers whose logits are too large by a factor for their labels."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(rows, classes))
    chances = softmax(logits)
    labels = (chances.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1).clip(0, classes - 1)
    return losses_of(softmax(factor * logits), labels)


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_many_rows_show_by_what_the_logits_are_too_large(factor: float) -> None:
    assert choose_temperature(losses(factor, 8000)) == pytest.approx(factor, rel=0.05)


def test_few_rows_change_little() -> None:
    assert abs(np.log(choose_temperature(losses(3.0, 6)))) < 0.4
    assert choose_temperature(lambda temperatures: np.zeros(len(temperatures))) == 1.0


@given(st.floats(0.1, 10), st.integers(1, 60), st.integers(0, 100), st.floats(0.01, 100))
def test_a_temperature_never_raises_the_loss_of_the_rows(
    factor: float, rows: int, seed: int, unit: float
) -> None:
    losses_at = losses(factor, rows, seed)
    temperature = choose_temperature(lambda at: losses_at(at) * unit, unit)
    assert 0 < temperature < np.inf
    before, after = losses_at([1.0, temperature])
    assert after <= before * (1 + 1e-4) + 1e-4
    assert temperature == pytest.approx(choose_temperature(losses_at), rel=0.04)


def test_answers_that_are_certain_and_always_right_or_always_wrong() -> None:
    sure = np.tile(np.array([[1, 0]], np.float32), (50, 1))
    assert 0.9 <= choose_temperature(losses_of(sure, np.zeros(50, np.int32))) <= 1.0
    assert choose_temperature(losses_of(sure, np.ones(50, np.int32))) > 2


def noisy(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows of five classes that overlap."""
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 5
    centers = np.random.default_rng(0).normal(size=(5, 30))
    return (centers[labels] + 2.5 * rng.normal(size=(rows, 30))).astype(np.float32), labels


def calibration_gap(head: SoftmaxRegression, x: np.ndarray, y: np.ndarray) -> float:
    """Returns by how much the mean probability of the answers differs from their accuracy."""
    probabilities = head.predict_proba(x)
    return float(abs(probabilities.max(axis=1).mean() - head.get_accuracy(x, y)))


def test_fit_divides_the_head_by_the_temperature_that_it_says() -> None:
    x, y = noisy(500, 1)  # of so many, the lengths are not changed
    head, exact = SoftmaxRegression(30, 5, seed=0), SoftmaxRegression(30, 5, seed=0)
    record = head.fit(x, y)
    assert record.temperature != 1
    assert exact.fit(x, y, penalty=record.penalty).temperature == 1
    for name in ("weights", "biases"):
        np.testing.assert_allclose(
            getattr(head, name) * record.temperature, getattr(exact, name), atol=0.02
        )


def test_a_fitted_head_is_right_as_often_as_it_says() -> None:
    test = noisy(4000, 99)
    gaps = []
    for seed in range(6):
        head = SoftmaxRegression(30, 5, seed=0)
        head.fit(*noisy(200, seed))
        gaps.append(calibration_gap(head, *test))
    assert np.mean(gaps) < 0.04


def test_validation_rows_choose_the_temperature() -> None:
    test, labels = noisy(300, 2)
    head = SoftmaxRegression(30, 5, seed=0)
    record = head.fit(*noisy(500, 1), validation=(test, labels))
    assert record.temperature != 1
    logits = test @ head.weights + head.biases
    losses_at = losses_of(softmax(logits * record.temperature), labels)
    before, after = losses_at([1.0, record.temperature])
    assert after <= before


def test_large_data_has_no_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fits that it takes would be long, and its head is calibrated as it is."""
    monkeypatch.setattr(penalty_search, "MAX_WORK_FOR_FOLDS", 0)
    assert SoftmaxRegression(30, 5, seed=0).fit(*noisy(200, 1)).temperature == 1
