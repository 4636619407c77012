"""Cross-validation of a head."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coral_learn.embeddings import Embeddings
from coral_learn.jobs.cross_validation import cross_validate, is_small_test, make_folds


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.integers(0, 99),
)
def test_every_photo_of_a_class_with_two_is_tested_once(labels: list[int], seed: int) -> None:
    classes = np.array(labels)
    embeddings = Embeddings(np.arange(len(labels), dtype=np.float32)[:, None])
    folds = make_folds(embeddings, classes, seed)
    tested = np.concatenate([held_out for _, held_out in folds] or [np.empty(0, np.int64)])
    several = np.flatnonzero(np.bincount(classes)[classes] > 1)
    assert sorted(tested) == several.tolist()
    for rows, held_out in folds:
        assert sorted([*rows, *held_out]) == list(range(len(labels)))
        assert set(classes[rows]) == set(labels)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=40), st.integers(0, 99))
def test_copies_are_never_on_both_sides(photos: list[int], seed: int) -> None:
    embeddings = Embeddings(np.array(photos, np.uint8)[:, None])
    for rows, held_out in make_folds(embeddings, np.zeros(len(photos), np.int64), seed):
        assert not set(embeddings.quantized[rows, 0]) & set(embeddings.quantized[held_out, 0])


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), min_size=2, max_size=40),
    st.integers(0, 99),
)
def test_neither_copies_nor_groups_are_on_both_sides(
    photos: list[tuple[int, int]], seed: int
) -> None:
    values, groups = np.array(photos).T
    embeddings = Embeddings(values.astype(np.uint8)[:, None])
    for rows, held_out in make_folds(embeddings, np.zeros(len(photos), np.int64), seed, groups):
        assert not set(groups[rows]) & set(groups[held_out])
        assert not set(values[rows]) & set(values[held_out])


def test_the_result_counts_the_photos_that_were_tested() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    embeddings = Embeddings(np.arange(6, dtype=np.uint8)[:, None])

    def answer_zero(rows: NDArray[np.int64], held_out: Embeddings) -> NDArray[np.int64]:
        return np.zeros(len(held_out), np.int64)

    found = cross_validate(embeddings, labels, answer_zero, seed=0)
    assert found is not None
    assert found.accuracy == pytest.approx(3 / 5)
    assert found.photos == 5
    assert found.interval[0] < 3 / 5 < found.interval[1]
    assert cross_validate(embeddings, np.arange(6), answer_zero, seed=0) is None


def test_a_test_is_small_with_few_photos_of_all_or_of_one_class() -> None:
    assert is_small_test(np.repeat([0, 1], 24), 2)
    assert not is_small_test(np.repeat([0, 1], 25), 2)
    assert is_small_test(np.repeat([0, 1], [60, 9]), 2)
    assert is_small_test(np.repeat([0, 1], 50), 3)
