"""Scenes and near-duplicates, by embeddings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coral_learn.embeddings import Embeddings
from coral_learn.heads import scenes as scenes_module
from coral_learn.heads.near_duplicates import NEAR_DUPLICATE_COSINE, find_near_duplicates
from coral_learn.heads.scenes import are_too_many, number_scenes


def spread_points(count: int, features: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, features)).astype(np.float32)


def test_near_duplicates_come_in_pairs_the_most_similar_first() -> None:
    x = spread_points(30)
    x[20], x[25] = x[3] + 0.1, x[7] + 0.02
    found = find_near_duplicates(Embeddings(x), np.arange(30) % 3)
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(7, 25), (3, 20)]
    assert (found.cosines >= NEAR_DUPLICATE_COSINE).all()
    assert (np.diff(found.cosines) <= 0).all()


@pytest.mark.slow_when_emulated
@settings(max_examples=30)
@given(count=st.integers(1, 40), classes=st.integers(1, 5), seed=st.integers(0, 99))
def test_cosines_are_those_of_the_centered_rows(count: int, classes: int, seed: int) -> None:
    x = spread_points(count, 3, seed)
    labels = np.random.default_rng(seed).integers(classes, size=count)
    found = find_near_duplicates(Embeddings(x), labels)
    wide = x.astype(np.float64) - x.mean(axis=0)
    for one, other, cosine in zip(*found, strict=True):
        centers = [wide[labels == labels[row]].mean(axis=0) for row in (one, other)]
        expected = [
            (wide[one] - c)
            @ (wide[other] - c)
            / (np.linalg.norm(wide[one] - c) * np.linalg.norm(wide[other] - c))
            for c in centers
        ]
        assert abs(cosine - min(expected)) < 1e-3


def test_a_photo_in_the_wrong_class_is_no_near_duplicate_of_its_own_class() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    x = (10 * rng.normal(size=(2, 40))[labels] + rng.normal(size=(40, 40))).astype(np.float32)
    labels[3] = 1
    assert len(find_near_duplicates(Embeddings(x), labels).first) == 0


def test_a_uniform_class_has_no_near_duplicates() -> None:
    """Photos of one part on one conveyor belt differ only in what matters there."""
    rng = np.random.default_rng(0)
    centers = 100 * rng.normal(size=(2, 40))
    labels = np.repeat([0, 1], 20)
    x = (centers[labels] + rng.normal(size=(40, 40))).astype(np.float32)
    assert len(find_near_duplicates(Embeddings(x), labels).first) == 0
    assert len(np.unique(number_scenes(Embeddings(x), labels))) == 40


def test_copies_near_duplicates_and_groups_are_one_scene() -> None:
    x = spread_points(20)
    x[5], x[9] = x[2], x[4] + 0.02
    groups = np.arange(20)
    groups[[4, 11]] = 4
    scenes = number_scenes(Embeddings(x), np.arange(20) % 2, groups)
    assert scenes[5] == scenes[2]
    assert scenes[9] == scenes[4] == scenes[11]
    assert len(np.unique(scenes)) == 17


def test_a_class_of_one_burst_of_photos_keeps_its_scenes_apart() -> None:
    x = spread_points(24)
    x[:8] = x[0] + 0.1 * spread_points(8, seed=1) + np.repeat([[2.0], [0.0]], 4, axis=0)
    labels = np.repeat([0, 1, 2], 8)
    scenes = number_scenes(Embeddings(x), labels)
    assert len(np.unique(scenes[:8])) > 1


def test_one_row_alone() -> None:
    assert number_scenes(Embeddings(spread_points(1)), np.zeros(1, np.int32)).tolist() == [0]


def test_only_pairs_of_some_rows_are_looked_for() -> None:
    x = spread_points(30)
    x[20], x[25], x[28] = x[3] + 0.1, x[7] + 0.02, x[7] + 0.04
    labels = np.arange(30) % 3
    whole = find_near_duplicates(Embeddings(x), labels)
    found = find_near_duplicates(Embeddings(x), labels, of=np.array([25, 3]))
    pairs = list(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert sorted(pairs) == [(3, 20), (7, 25), (25, 28)]
    assert len(whole.first) == 4  # (7, 28) is of none of them
    nothing = find_near_duplicates(Embeddings(x), labels, of=np.empty(0, np.int64))
    assert len(nothing.first) == len(nothing.cosines) == 0


@pytest.mark.parametrize("per_class", [40, 1500])  # less and more than one block
def test_a_long_burst_is_one_scene_and_its_pairs_stay_few(per_class: int) -> None:
    x = spread_points(2 * per_class, 100)
    burst = np.arange(0, per_class, 8)
    x[burst] = x[0] + 0.1 * x[burst]
    labels = np.repeat([0, 1], per_class)
    found = find_near_duplicates(Embeddings(x), labels)
    assert len(found.first) <= 64 * len(burst)
    assert len(set(zip(found.first.tolist(), found.second.tolist(), strict=True))) == len(
        found.first
    )
    scenes = number_scenes(Embeddings(x), labels)
    assert len(np.unique(scenes[burst])) == 1
    assert len(np.unique(scenes)) == 2 * per_class - len(burst) + 1


def test_what_is_merely_similar_is_no_scene() -> None:
    """A class of many alike photos has no gap between those of one scene and others."""
    x = spread_points(120, 40)
    x[60:] = 2 * x[0] + 1.45 * x[60:]
    labels = np.zeros(120, np.int32)
    near = find_near_duplicates(Embeddings(x), labels, min_cosine=0.6)
    above = np.count_nonzero(near.cosines >= 0.7)
    assert 2 < above < len(near.cosines) - above
    assert len(np.unique(number_scenes(Embeddings(x), labels))) == 120


def test_few_features_say_nothing_about_scenes() -> None:
    x = spread_points(20, 8)
    assert len(np.unique(number_scenes(Embeddings(x), np.arange(20) % 2))) == 20


def test_very_many_rows_are_compared_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    x = spread_points(20)
    x[5], x[9] = x[2], x[4] + 0.02
    monkeypatch.setattr(scenes_module, "_MAX_WORK", 20 * 20 * 40 - 1)
    scenes = number_scenes(Embeddings(x), np.arange(20) % 2)
    assert are_too_many(Embeddings(x))
    assert scenes[5] == scenes[2]
    assert len(np.unique(scenes)) == 19
