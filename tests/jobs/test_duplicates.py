"""Photos that are in a data set several times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.jobs.duplicates import find_duplicates

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

photo = st.tuples(st.sampled_from([b"", b"a", b"b", b"c"]), st.integers(0, 2), st.integers(0, 2))


def test_of_copies_the_one_to_train_on_is_kept() -> None:
    found = find_duplicates([b"a", b"b", b"a", b"a"], np.zeros(4, int), np.array([2, 0, 0, 1]))
    assert found.kept.tolist() == [1, 2]
    assert found.copies == [0, 3]
    assert found.contradictions == []


def test_a_photo_in_two_classes_is_kept_in_none() -> None:
    found = find_duplicates([b"a", b"b", b"a"], np.array([0, 0, 1]), np.zeros(3, int))
    assert found.kept.tolist() == [1]
    assert found.contradictions == [[0, 2]]


@given(photos=st.lists(photo, max_size=20))
def test_every_row_is_kept_or_accounted_for(photos: list[tuple[bytes, int, int]]) -> None:
    digests = [digest for digest, _, _ in photos]
    labels = np.array([label for _, label, _ in photos], np.int64)
    ranks = np.array([rank for _, _, rank in photos], np.int64)
    found = find_duplicates(digests, labels, ranks)
    dropped = [*found.copies, *(row for rows in found.contradictions for row in rows)]
    assert sorted([*found.kept.tolist(), *dropped]) == list(range(len(photos)))
    kept = [digests[row] for row in found.kept if digests[row]]
    assert len(kept) == len(set(kept))
    for row in found.copies:
        [best] = [other for other in found.kept if digests[other] == digests[row]]
        assert labels[best] == labels[row]
        assert (ranks[best], best) < (ranks[row], row)
