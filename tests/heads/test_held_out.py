"""Probabilities of rows by heads that were fitted without them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coral_learn.embeddings import Embeddings
from coral_learn.heads.held_out import draw_folds, held_out_probabilities


def clusters(
    per_class: int, classes: int = 3, features: int = 16, noise: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Returns points around a center for each class, ordered by class."""
    rng = np.random.default_rng(seed)
    centers = 3 * rng.normal(size=(classes, features))
    labels = np.repeat(np.arange(classes), per_class)
    points = centers[labels] + noise * rng.normal(size=(len(labels), features))
    return points.astype(np.float32), labels


@pytest.mark.slow_when_emulated
@settings(max_examples=25)
@given(
    per_class=st.integers(1, 8),
    classes=st.integers(1, 4),
    features=st.integers(1, 12),
    repeats=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_each_row_has_probabilities(
    per_class: int, classes: int, features: int, repeats: int, seed: int
) -> None:
    x, y = clusters(per_class, classes, features, seed=seed)
    before = x.copy()
    found = held_out_probabilities(x, y, seed=seed, repeats=repeats, penalty=0.1)
    assert found.shape == (len(y), classes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(x, before)


def test_the_row_itself_does_not_vote() -> None:
    x, y = clusters(10)
    y[4] = 1  # among the rows of class 0
    found = held_out_probabilities(x, y)
    assert found[4, 0] > 0.8
    assert found.argmax(axis=1).tolist() == np.repeat(np.arange(3), 10).tolist()


@pytest.mark.parametrize("jitter", [0.0, 0.05])
def test_copies_in_another_class_do_not_vote(jitter: float) -> None:
    x, y = clusters(10)
    x[[28, 29]] = x[2] + jitter * np.random.default_rng(0).normal(size=(2, 16))
    found = held_out_probabilities(x, y)
    assert (found[[2, 28, 29]].argmax(axis=1) == 0).all()


def test_a_group_is_held_out_together() -> None:
    x, y = clusters(10)
    groups = np.arange(30)
    groups[[2, 28, 29]] = 2
    x[[28, 29]] = x[2] + np.random.default_rng(0).normal(size=(2, 16))
    found = held_out_probabilities(x, y, groups=groups)
    assert found[[28, 29], 0].min() > 0.5


def test_a_class_of_one_scene_keeps_the_answers_of_heads_that_know_it() -> None:
    x, y = clusters(6)
    x, y = np.concatenate([x, x[[0]] + 9]), np.append(y, 3)
    found = held_out_probabilities(x, y)
    assert found[-1, 3] > 0.4


def test_the_same_seed_gives_the_same_probabilities() -> None:
    x, y = clusters(8, noise=3.0)
    first, again, other = (held_out_probabilities(x, y, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_quantized_embeddings_count_as_their_values() -> None:
    x, y = clusters(8)
    stored = np.clip(np.round(x * 10) + 128, 0, 255).astype(np.uint8)
    embeddings = Embeddings(stored, 0.1, 128)
    found = held_out_probabilities(embeddings, y, penalty=0.1)
    of_values = held_out_probabilities(np.asarray(embeddings), y, penalty=0.1)
    np.testing.assert_allclose(found, of_values, atol=1e-3)


@pytest.mark.slow_when_emulated
@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    scene_count=st.integers(1, 30),
    seed=st.integers(0, 99),
)
def test_folds_keep_scenes_together(labels: list[int], scene_count: int, seed: int) -> None:
    given_scenes = np.random.default_rng(seed).integers(scene_count, size=len(labels))
    scenes = np.unique(given_scenes, return_inverse=True)[1]
    for folds in draw_folds(np.array(labels, np.int32), scenes, 2, seed):
        for scene in np.unique(scenes):
            drawn = folds[scenes == scene]
            assert len(np.unique(drawn[drawn >= 0])) <= 1
        for label in set(labels):  # a class is never held out whole
            drawn = folds[np.array(labels) == label]
            assert drawn.max() == -1 or len(np.unique(drawn)) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embeddings": np.zeros((0, 2))}, "at least one embedding"),
        ({"embeddings": np.zeros(3)}, "matrix with one embedding per row"),
        ({"embeddings": [[np.nan, 1], [0, 1]]}, "must be finite"),
        ({"labels": [0, -1]}, "must be in"),
        ({"labels": [0.5, 1]}, "must be integers"),
        ({"labels": [0]}, "one label for each of the 2 embeddings"),
        ({"groups": [0]}, "groups must be one integer for each"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"repeats": 0}, "repeats must be at least 1"),
        ({"penalty": 0}, "penalty must be more than 0"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"embeddings": np.eye(2, dtype=np.float32), "labels": [0, 1]}
    with pytest.raises(ValueError, match=message):
        held_out_probabilities(**(given | arguments))
