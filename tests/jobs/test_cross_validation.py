"""Cross-validation of a head."""

import numpy as np
import pytest
from numpy.typing import NDArray

from coral_learn.embeddings import Embeddings
from coral_learn.jobs.cross_validation import cross_validation_of
from coral_learn.jobs.held_out import score_held_out
from coral_learn.jobs.sample_size import is_small_test


def test_the_result_counts_the_photos_that_were_tested() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    embeddings = Embeddings(np.arange(6, dtype=np.uint8)[:, None])

    def answer_zero(rows: NDArray[np.int64], held_out: Embeddings) -> NDArray[np.float32]:
        return np.tile(np.array([[0.6, 0.3, 0.1]], np.float32), (len(held_out), 1))

    scores = score_held_out(embeddings, labels, answer_zero, seed=0, repeats=2)
    assert scores is not None
    assert len(scores.labels) == 10
    found = cross_validation_of(scores, ["a", "b", "c"])
    assert found.accuracy == pytest.approx(3 / 5)
    assert found.photos == 5
    assert found.interval[0] < 3 / 5 < found.interval[1]
    assert [each.recall for each in found.recalls] == [1.0, 0.0, None]
    assert [each.photos for each in found.recalls] == [3, 2, 0]
    assert found.macro_accuracy == pytest.approx(1 / 2)
    assert found.macro_interval[0] < 1 / 2 < found.macro_interval[1]
    assert found.calibration_error == pytest.approx(0, abs=1e-6)
    assert score_held_out(embeddings, np.arange(6), answer_zero, seed=0) is None


def test_photos_of_one_scene_are_little_more_evidence_than_one() -> None:
    labels = np.repeat([0, 1], 20)
    embeddings = Embeddings(np.arange(40, dtype=np.uint8)[:, None])

    def answer_zero(rows: NDArray[np.int64], held_out: Embeddings) -> NDArray[np.float32]:
        return np.tile(np.array([[0.6, 0.4]], np.float32), (len(held_out), 1))

    scenes = np.arange(40) // 4
    alone, together = (
        score_held_out(embeddings, labels, answer_zero, 0, given) for given in (None, scenes)
    )
    assert alone is not None
    assert together is not None
    assert (alone.num_photos, alone.num_independent) == (40, 40)
    assert (together.num_photos, together.num_independent) == (40, 10)
    assert together.of_rows(together.labels == 0).num_independent == 5
    wide, narrow = (
        np.ptp(cross_validation_of(each, ["a", "b"]).interval) for each in (together, alone)
    )
    assert wide > 1.5 * narrow


def test_repeats_have_other_folds_and_the_same_seed_the_same() -> None:
    labels = np.repeat([0, 1], 10)
    embeddings = Embeddings(np.arange(20, dtype=np.uint8)[:, None])

    def tell_rows(rows: NDArray[np.int64], held_out: Embeddings) -> NDArray[np.float32]:
        return np.full((len(held_out), 2), rows.sum(), np.float32)

    first, again, other = (
        score_held_out(embeddings, labels, tell_rows, seed, repeats=2) for seed in (0, 0, 1)
    )
    assert first is not None
    assert again is not None
    assert other is not None
    np.testing.assert_array_equal(first.probabilities, again.probabilities)
    assert not np.array_equal(first.photos, other.photos)
    assert not np.array_equal(first.photos[:20], first.photos[20:])


def test_a_test_is_small_with_few_photos_of_all_or_of_one_class() -> None:
    assert is_small_test(np.repeat([0, 1], 24), 2)
    assert not is_small_test(np.repeat([0, 1], 25), 2)
    assert is_small_test(np.repeat([0, 1], [60, 9]), 2)
    assert is_small_test(np.repeat([0, 1], 50), 3)
