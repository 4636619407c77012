"""The confidence interval of an accuracy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.jobs.interval import accuracy_interval

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_contains_the_fraction(counts: tuple[int, int]) -> None:
    correct, total = counts
    low, high = accuracy_interval(correct, total)
    assert 0 <= low <= correct / total <= high <= 1


def test_the_interval_of_no_success_in_ten() -> None:
    # 0 of 10: the upper limit is z^2 / (n + z^2)
    assert accuracy_interval(0, 10)[1] == pytest.approx(1.96**2 / (10 + 1.96**2))
