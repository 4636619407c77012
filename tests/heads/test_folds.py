"""Folds of rows that are held out in turn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.heads.folds import fold_numbers, make_folds

LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=40)


@given(labels=LABELS, seed=st.integers(0, 99))
def test_every_row_of_a_class_with_two_is_held_out_once(labels: list[int], seed: int) -> None:
    classes = np.array(labels)
    folds = make_folds(classes, None, np.random.default_rng(seed))
    tested = np.concatenate([held_out for _, held_out in folds] or [np.empty(0, np.int64)])
    several = np.flatnonzero(np.bincount(classes)[classes] > 1)
    assert sorted(tested) == several.tolist()
    for rows, held_out in folds:
        assert sorted([*rows, *held_out]) == list(range(len(labels)))
        assert set(classes[rows]) == set(labels)
    alone = make_folds(classes, np.arange(len(labels)), np.random.default_rng(seed))
    for fold, same in zip(folds, alone, strict=True):  # a scene for each row changes nothing
        np.testing.assert_array_equal(fold[1], same[1])


@pytest.mark.slow_when_emulated
@given(labels=LABELS, scene_count=st.integers(1, 30), seed=st.integers(0, 99))
def test_scenes_are_held_out_whole(labels: list[int], scene_count: int, seed: int) -> None:
    classes = np.array(labels)
    scenes = np.random.default_rng(seed).integers(scene_count, size=len(labels))
    numbers = fold_numbers(classes, scenes, np.random.default_rng(seed))
    for scene in np.unique(scenes):
        held_out = numbers[(scenes == scene) & (numbers >= 0)]
        assert len(np.unique(held_out)) <= 1
    for label in set(labels):  # a class is never held out whole
        of_class = numbers[classes == label]
        assert of_class.max() == -1 or len(np.unique(of_class)) > 1


@given(labels=LABELS, seed=st.integers(0, 99))
def test_rows_of_a_scene_of_two_classes_are_held_out_together(labels: list[int], seed: int) -> None:
    classes = np.array([0, 1, 0, 1, *labels])
    scenes = np.arange(len(classes))
    scenes[1] = scenes[0]
    for _, held_out in make_folds(classes, scenes, np.random.default_rng(seed)):
        assert (0 in held_out) == (1 in held_out)
