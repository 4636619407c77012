"""The temperature of a head: probabilities that say how often it is right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.heads import penalty_search
from coral_learn.heads.softmax_regression import SoftmaxRegression
from coral_learn.heads.temperature import HeldOutAnswers, choose_temperature

pytestmark = pytest.mark.slow_when_emulated


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def answers_of(factor: float, rows: int, seed: int = 0, classes: int = 4) -> HeldOutAnswers:
    """Returns answers whose logits are too large by a factor for their labels."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(rows, classes))
    chances = softmax(logits)
    labels = (chances.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1).clip(0, classes - 1)
    return HeldOutAnswers(
        softmax(factor * logits), labels.astype(np.int32), np.ones(rows, np.float32)
    )


def loss_at(answers: HeldOutAnswers, temperature: float) -> float:
    logits = np.log(np.maximum(answers.probabilities, 1e-30))
    return answers._replace(probabilities=softmax(logits / temperature)).loss


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_many_rows_show_by_what_the_logits_are_too_large(factor: float) -> None:
    parts = [answers_of(factor, 4000, seed) for seed in range(2)]
    assert choose_temperature(parts) == pytest.approx(factor, rel=0.05)


def test_few_rows_change_little() -> None:
    assert abs(np.log(choose_temperature([answers_of(3.0, 6)]))) < 0.4
    assert choose_temperature([]) == 1.0


@given(st.floats(0.1, 10), st.integers(1, 60), st.integers(0, 100), st.floats(0.01, 100))
def test_a_temperature_never_raises_the_loss_of_the_rows(
    factor: float, rows: int, seed: int, unit: float
) -> None:
    answers = answers_of(factor, rows, seed)
    weighted = answers._replace(weights=answers.weights * np.float32(unit))
    temperature = choose_temperature([weighted], unit)
    assert 0 < temperature < np.inf
    assert loss_at(answers, temperature) <= answers.loss * (1 + 1e-4) + 1e-4
    assert temperature == pytest.approx(choose_temperature([answers]), rel=1e-3)


def test_answers_that_are_certain_and_always_right_or_always_wrong() -> None:
    sure = np.tile(np.array([[1, 0]], np.float32), (50, 1))
    ones = np.ones(50, np.float32)
    right = HeldOutAnswers(sure, np.zeros(50, np.int32), ones)
    wrong = HeldOutAnswers(sure, np.ones(50, np.int32), ones)
    assert 0.9 <= choose_temperature([right]) <= 1.0
    assert choose_temperature([wrong]) > 2


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
    weights = np.ones(300, np.float32)
    answers = HeldOutAnswers(softmax(logits * record.temperature), labels.astype(np.int32), weights)
    assert loss_at(answers, record.temperature) <= answers.loss


def test_large_data_has_no_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fits that it takes would be long, and its head is calibrated as it is."""
    monkeypatch.setattr(penalty_search, "MAX_WORK_FOR_FOLDS", 0)
    assert SoftmaxRegression(30, 5, seed=0).fit(*noisy(200, 1)).temperature == 1
