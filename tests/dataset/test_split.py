"""How photos are split into parts."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.dataset import split_by_class
from coral_learn.dataset.split import Split

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    validation=st.floats(0, 0.45),
    test=st.floats(0, 0.45),
    seed=st.integers(0, 2**32),
)
def test_a_split_is_a_partition_with_every_class_in_the_training_part(
    sizes: list[int], validation: float, test: float, seed: int
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    split = split_by_class(labels, validation, test, seed)
    rows = np.concatenate([split.train, split.validation, split.test])
    assert sorted(rows) == list(range(len(labels)))
    assert set(labels[split.train]) == set(range(len(sizes)))
    for size, label in zip(sizes, range(len(sizes)), strict=True):
        tests = Counter(labels[split.test])[label]
        assert tests == (min(max(round(size * test), 1), size - 1) if test else 0)


def test_the_same_seed_gives_the_same_split() -> None:
    labels = np.repeat([0, 1, 2], 30)
    first, second, other = (split_by_class(labels, 0.1, 0.2, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test, second.test)
    assert not np.array_equal(first.test, other.test)


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.1), (0.5, 0.5), (0.1, float("nan"))])
def test_fractions_out_of_range_are_refused(validation: float, test: float) -> None:
    with pytest.raises(ValueError, match="at least 0 and sum to less than 1"):
        split_by_class(np.array([0, 1]), validation, test)


def test_the_split_of_some_rows_counts_only_these() -> None:
    split = Split(np.array([0, 3]), np.array([4]), np.array([1, 2]))
    part = split.of_rows(np.array([0, 2, 4]))
    assert [each.tolist() for each in (part.train, part.validation, part.test)] == [[0], [2], [1]]


@given(
    groups=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 30)), min_size=1, max_size=12),
    validation=st.floats(0, 0.45),
    test=st.floats(0, 0.45),
    seed=st.integers(0, 2**32),
)
def test_rows_of_a_group_stay_together(
    groups: list[tuple[int, int]], validation: float, test: float, seed: int
) -> None:
    labels = np.concatenate([np.full(size, label) for label, size in groups])
    numbers = np.concatenate([np.full(size, n) for n, (_, size) in enumerate(groups)])
    split = split_by_class(labels, validation, test, seed, numbers)
    rows = np.concatenate([split.train, split.validation, split.test])
    assert sorted(rows) == list(range(len(labels)))
    assert set(labels[split.train]) == set(labels)
    parts = [set(numbers[part]) for part in (split.train, split.validation, split.test)]
    assert sum(map(len, parts)) == len(groups)
    for label in set(labels):
        count = sum(each == label for each, _ in groups)
        wanted = [part for part, share in zip((1, 2), (validation, test), strict=True) if share]
        if count > len(wanted) and sum(labels == label) > len(wanted):
            for part in wanted:
                assert any(groups[n][0] == label for n in parts[part])


def test_groups_of_one_row_are_no_groups() -> None:
    labels = np.repeat([0, 1], 20)
    plain = split_by_class(labels, 0.2, 0.1, 3)
    grouped = split_by_class(labels, 0.2, 0.1, 3, np.arange(40) + 7)
    assert plain.train.tolist() == grouped.train.tolist()
    assert plain.test.tolist() == grouped.test.tolist()
