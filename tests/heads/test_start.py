"""Fits that start from another head."""

import numpy as np
import pytest

from coral_learn import SoftmaxRegression

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def rows_and_labels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, 200)
    return (
        generator.normal(size=(200, 20)).astype(np.float32) + labels[:, None] / 2,
        labels,
    )


@pytest.mark.parametrize("temperature", [None, 1.7])
def test_a_fit_ends_at_the_same_loss_from_any_start(temperature: float | None) -> None:
    rows, labels = rows_and_labels(0)
    first, again, further = (SoftmaxRegression(20, 3, seed=0) for _ in range(3))
    first.fit(rows, labels, penalty=0.1, temperature=temperature)
    labels[:2] = 0
    from_zero = again.fit(rows, labels, penalty=0.1, temperature=temperature)
    from_first = further.fit(rows, labels, penalty=0.1, temperature=temperature, start=first)
    assert from_first.losses[-1] == pytest.approx(from_zero.losses[-1], abs=2e-5)
    assert from_first.losses[0] < from_zero.losses[0] / 2
    np.testing.assert_allclose(further.predict_proba(rows), again.predict_proba(rows), atol=0.02)


def test_scaled_features_start_from_zeros() -> None:
    rows, labels = rows_and_labels(1)
    rows[:, 0] *= 1000
    first, again, further = (SoftmaxRegression(20, 3, seed=0) for _ in range(3))
    first.fit(rows, labels, penalty=0.1)
    again.fit(rows, labels, penalty=0.1)
    further.fit(rows, labels, penalty=0.1, start=first)
    np.testing.assert_array_equal(further.weights, again.weights)


def test_a_start_needs_a_penalty_and_the_same_shape() -> None:
    rows, labels = rows_and_labels(2)
    head = SoftmaxRegression(20, 3)
    with pytest.raises(ValueError, match="start needs a penalty"):
        head.fit(rows, labels, start=SoftmaxRegression(20, 3))
    with pytest.raises(ValueError, match="same shape"):
        head.fit(rows, labels, penalty=1.0, start=SoftmaxRegression(20, 4))
