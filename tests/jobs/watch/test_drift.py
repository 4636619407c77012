"""The test that tells of drift, and the pictures that count for it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.jobs.watch.drift import WINDOW, DriftDetector
from coral_learn.jobs.watch.rank_test import critical_values
from coral_learn.jobs.watch.scenes import SceneCounter

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

HELD_OUT = 100


@given(
    sizes=st.integers(1, 5),
    others=st.integers(1, 6),
    level=st.floats(0.001, 0.999),
)
def test_critical_values_are_those_of_all_orders(sizes: int, others: int, level: float) -> None:
    found = critical_values(sizes, others, level)
    for size in range(sizes + 1):
        # The places of the sample in the order of all values; larger others stand behind.
        orders = list(combinations(range(size + others), size))
        statistics = np.array(
            [sum(others + rank - place for rank, place in enumerate(order)) for order in orders]
        )
        limit = int(found[size])
        assert (statistics <= limit).mean() <= level + 1e-9
        assert (statistics <= limit + 1).mean() > level - 1e-9


def familiarity(held_out: np.ndarray, strangeness: np.ndarray) -> list[float]:
    stranger = len(held_out) - np.searchsorted(np.sort(held_out), strangeness)
    return [float(each) for each in (1 + stranger) / (1 + len(held_out))]


@pytest.mark.parametrize("photos", [10, 30, HELD_OUT])
def test_photos_like_those_of_the_training_are_no_drift(photos: int) -> None:
    generator = np.random.default_rng(0)
    alarms = 0
    for _ in range(20):
        detector = DriftDetector(photos)
        stream = familiarity(generator.normal(size=photos), generator.normal(size=1000))
        changes = [detector.update(each) for each in stream]
        alarms += sum(change is not None and change.state == "moved" for change in changes)
    assert alarms <= 3  # two are expected at most


def test_drift_is_told_once_and_so_is_its_end() -> None:
    generator = np.random.default_rng(1)
    held_out = generator.normal(size=HELD_OUT)
    detector = DriftDetector(HELD_OUT)
    strangeness = generator.normal(size=300)
    strangeness[100:200] += 3
    changes = {
        number: change
        for number, each in enumerate(familiarity(held_out, strangeness), start=1)
        if (change := detector.update(each))
    }
    assert [change.state for change in changes.values()] == ["moved", "back"]
    moved, back = changes
    assert 100 < moved <= 130
    assert 200 < back <= 250
    assert changes[moved].photos == WINDOW
    assert changes[moved].familiarity < 0.35 < changes[back].familiarity
    assert not detector.has_drifted


def test_a_stream_that_is_strange_from_the_start_is_told_before_the_window_is_full() -> None:
    detector = DriftDetector(HELD_OUT)
    changes = [detector.update(1 / (HELD_OUT + 1)) for _ in range(20)]
    assert changes[:19] == [None] * 19
    assert changes[19] is not None
    assert changes[19].photos == 20


@pytest.mark.parametrize(("held_out", "can_tell"), [(1, False), (2, False), (3, True), (20, True)])
def test_too_few_photos_of_the_training_tell_nothing(held_out: int, can_tell: bool) -> None:
    detector = DriftDetector(held_out)
    assert detector.can_tell is can_tell
    changes = [detector.update(1 / (held_out + 1)) for _ in range(200)]
    assert any(changes) is can_tell


def embedding(*direction: float) -> np.ndarray:
    return np.array(direction, np.float32)


def test_neighbouring_frames_of_a_scene_count_once() -> None:
    scenes = SceneCounter(np.array([0.5, 0.5, 0.5], np.float32))
    one, nearly, other = embedding(9, 1, 1), embedding(9, 1.2, 1), embedding(1, 9, 1)
    counted = [scenes.counts(each, 0.4) for each in (one, nearly, one, other, one, *20 * [nearly])]
    assert counted == [True, False, False, True, True, *20 * [False]]


def test_a_strange_scene_that_stays_counts_now_and_then() -> None:
    scenes = SceneCounter(np.zeros(3, np.float32))
    counted = [scenes.counts(embedding(1, 2, 3), 0.01) for _ in range(101)]
    assert sum(counted) == 11
    assert counted[0]


@pytest.mark.parametrize("scale", [1e-40, 1e30])
def test_embeddings_of_any_size_have_a_direction(scale: float) -> None:
    scenes = SceneCounter(np.zeros(2, np.float32))
    assert scenes.counts(embedding(0, 0), 0.5)
    assert scenes.counts(embedding(scale, 0), 0.5)
    assert not scenes.counts(embedding(2 * scale, 0), 0.5)
    assert scenes.counts(embedding(0, scale), 0.5)
