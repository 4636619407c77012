"""Choosing what to label next."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clusters import clusters

from coral_learn import label_next
from coral_learn.heads import label_next as module


@pytest.mark.slow_when_emulated
@settings(max_examples=25)
@given(
    labelled=st.integers(0, 20),
    classes=st.integers(1, 4),
    unlabelled=st.integers(0, 30),
    count=st.integers(0, 35),
    seed=st.integers(0, 99),
)
def test_different_rows_are_chosen(
    labelled: int, classes: int, unlabelled: int, count: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, pool = rng.normal(size=(labelled, 6)), rng.normal(size=(unlabelled, 6))
    y = rng.integers(classes, size=labelled)
    found = label_next(x, y, pool, count, seed=seed)
    assert found.dtype == np.int64
    assert len(found) == min(count, unlabelled) == len(set(found.tolist()))
    assert all(0 <= row < unlabelled for row in found)
    np.testing.assert_array_equal(found, label_next(x, y, pool, count, seed=seed))


def test_typical_rows_come_first_without_labels() -> None:
    pool, classes = clusters(20, 4, 30)
    pool[7] *= -3  # an outlier
    found = label_next(np.zeros((0, 30)), [], pool, 4)
    assert set(classes[found].tolist()) == {0, 1, 2, 3}
    assert 7 not in found


def test_classes_without_labels_come_first() -> None:
    x, y = clusters(22, 4, 30)
    known = np.isin(y, [0, 2]) & (np.arange(len(y)) % 22 < 2)
    [one, other] = label_next(x[known], y[known], x[~known], 2)
    assert {y[~known][one], y[~known][other]} == {1, 3}


def test_unsure_rows_come_first_with_many_labels() -> None:
    x, y = clusters(20, 2, 10)
    middle = (x[y == 0].mean(axis=0) + x[y == 1].mean(axis=0)) / 2
    rng = np.random.default_rng(1)
    unsure = (middle + 0.3 * rng.normal(size=(3, 10))).astype(np.float32)
    sure, _ = clusters(10, 2, 10)
    found = label_next(x, y, np.concatenate([sure, unsure]), 1)
    assert found[0] >= len(sure)


def test_copies_are_not_chosen_twice() -> None:
    pool, _ = clusters(5, 3, 10)
    found = label_next(np.zeros((0, 10)), [], np.concatenate([pool, pool]), 8)
    assert len({int(row) % 15 for row in found}) == 8


def test_a_sample_of_many_rows_is_considered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_CANDIDATES", 20)
    monkeypatch.setattr(module, "_MAX_REPRESENTED", 10)
    pool, _ = clusters(50, 3, 10)
    found = label_next(np.zeros((0, 10)), [], pool, 25)
    assert len(set(found.tolist())) == 20
    assert found.max() > 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [0]}, "one label for each of the 2 embeddings"),
        ({"embeddings": np.eye(3)}, "must have 2 features per row, not 3"),
        ({"unlabelled": np.full((1, 2), np.nan)}, "unlabelled must be finite"),
        ({"unlabelled": np.zeros(2)}, "unlabelled must be a matrix"),
        ({"count": -1}, "count must be at least 0"),
        ({"count": 1.5}, "count must be an integer"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {
        "embeddings": np.eye(2),
        "labels": [0, 1],
        "unlabelled": np.eye(2),
        "count": 1,
    }
    with pytest.raises(ValueError, match=message):
        label_next(**(given | arguments))
