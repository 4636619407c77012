"""Embeddings of very large and very small numbers."""

import numpy as np
import pytest

from coral_learn import find_label_errors, label_next
from coral_learn.embeddings import Embeddings
from coral_learn.heads.near_duplicates import find_near_duplicates
from coral_learn.heads.unit_scale import to_unit_scale

# Powers of two: products with them are exact, so that results must be the same. Of larger numbers
# even the sum is infinite, and smaller ones lose digits.
EXTREME = [2.0**126, 2.0**100, 2.0**50, 2.0**-50, 2.0**-100]


def clusters(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns 60 points of three classes, the largest number of which is below 1."""
    labels = np.repeat([0, 1, 2], 20)
    centers = 3 * np.random.default_rng(0).normal(size=(3, 30))
    points = centers[labels] + np.random.default_rng(seed).normal(size=(60, 30))
    return (points / 16).astype(np.float32), labels


@pytest.mark.parametrize("scale", EXTREME)
def test_near_duplicates_do_not_depend_on_the_scale(scale: float) -> None:
    x, labels = clusters(1)
    x[25], x[50] = x[23] + 0.001, x[3]
    expected = find_near_duplicates(Embeddings(x), labels)
    found = find_near_duplicates(Embeddings(x * np.float32(scale)), labels)
    assert (23, 25) in zip(found.first.tolist(), found.second.tolist(), strict=True)
    np.testing.assert_array_equal(found.first, expected.first)
    np.testing.assert_array_equal(found.second, expected.second)
    np.testing.assert_allclose(found.cosines, expected.cosines, rtol=1e-5)


@pytest.mark.parametrize("scale", EXTREME)
def test_the_same_rows_are_to_be_labelled_next(scale: float) -> None:
    x, labels = clusters(1)
    pool, _ = clusters(2)
    factor = np.float32(scale)
    few = slice(0, 60, 10)
    expected = label_next(x[few], labels[few], pool, 8)
    found = label_next(x[few] * factor, labels[few], pool * factor, 8)
    np.testing.assert_array_equal(found, expected)
    assert len(label_next(x * factor, labels, pool * factor, 8)) == 8  # a head is fitted


@pytest.mark.parametrize("scale", EXTREME)
def test_wrong_labels_are_found_at_any_scale(scale: float) -> None:
    x, labels = clusters(1)
    labels[[4, 33]] = [1, 2]
    found = find_label_errors(x * np.float32(scale), labels)
    assert set(found[:2].tolist()) == {4, 33}


def test_ordinary_numbers_stay_as_they_are() -> None:
    x, _ = clusters(1)
    empty = np.zeros((0, 30), np.float32)
    for arrays in ((x, empty), (x * 0, empty), (empty,)):
        assert all(a is b for a, b in zip(to_unit_scale(*arrays), arrays, strict=True))
    large, small = to_unit_scale(x * np.float32(2.0**100), x)
    assert 0.5 <= np.abs(large).max() < 1
    assert np.abs(small).max() < 1e-29
