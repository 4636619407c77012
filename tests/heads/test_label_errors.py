"""Finding wrong labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clusters import clusters

from coral_learn import EmbeddingExtractor, Embeddings, ImageFolder, find_label_errors
from coral_learn.heads.label_errors import doubt_labels
from coral_learn.heads.scenes import number_scenes
from coral_learn.heads.training_data import read_any_labeled


def with_wrong_labels(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, set[int]]:
    """Returns labels of which some are changed to another class, and the rows of those."""
    rng = np.random.default_rng(seed)
    wrong = rng.choice(len(labels), count, replace=False)
    classes = int(labels.max()) + 1
    changed = labels.copy()
    changed[wrong] = (labels[wrong] + rng.integers(1, classes, count)) % classes
    return changed, set(wrong.tolist())


@pytest.mark.slow_when_emulated
@settings(max_examples=20)
@given(
    per_class=st.integers(1, 8),
    classes=st.integers(1, 4),
    features=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_every_row_is_there_once(per_class: int, classes: int, features: int, seed: int) -> None:
    x, y = clusters(per_class, classes, features, seed=seed)
    y = y[np.random.default_rng(seed).permutation(len(y))]
    before = x.copy(), y.copy()
    found = find_label_errors(x, y, seed=seed)
    assert found.dtype == np.int64
    assert sorted(found.tolist()) == list(range(len(y)))
    np.testing.assert_array_equal(found, find_label_errors(x, y, seed=seed))
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.slow_when_emulated
@settings(max_examples=10)
@given(seed=st.integers(0, 99))
def test_wrong_labels_of_clear_classes_come_first(seed: int) -> None:
    x, y = clusters(15, 4, 30, seed=seed)
    labels, wrong = with_wrong_labels(y, 5, seed)
    assert set(find_label_errors(x, labels)[:5].tolist()) == wrong


def test_the_order_does_not_depend_on_the_numbers_of_classes() -> None:
    x, y = clusters(10, noise=3.0)
    gaps = np.array([0, 4, 9])
    np.testing.assert_array_equal(find_label_errors(x, y)[:5], find_label_errors(x, gaps[y])[:5])


def test_several_copies_of_a_wrong_label_are_found() -> None:
    """The copies would otherwise vouch for each other."""
    x, y = clusters(12)
    x[13:17], y[13:17] = x[12], 2
    y[12] = 2
    assert set(find_label_errors(x, y)[:5].tolist()) == {12, 13, 14, 15, 16}


def test_rows_of_a_group_do_not_vouch_for_each_other() -> None:
    x, y = clusters(12)
    y[12:17] = 2
    groups = np.arange(len(y))
    groups[12:17] = 12
    assert set(find_label_errors(x, y, groups=groups)[:5].tolist()) == {12, 13, 14, 15, 16}


def probabilities(
    x: np.ndarray | Embeddings, y: np.ndarray, groups: np.ndarray | None = None, seed: int = 0
) -> np.ndarray:
    data = read_any_labeled(x, y)
    return doubt_labels(data, number_scenes(data.embeddings, y, groups), seed).probabilities


@pytest.mark.slow_when_emulated
@settings(max_examples=25)
@given(
    per_class=st.integers(1, 8),
    classes=st.integers(1, 4),
    features=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_each_row_has_probabilities(per_class: int, classes: int, features: int, seed: int) -> None:
    x, y = clusters(per_class, classes, features, seed=seed)
    found = probabilities(x, y, seed=seed)
    assert found.shape == (len(y), classes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_the_row_itself_does_not_vote() -> None:
    x, y = clusters(10)
    y[4] = 1  # among the rows of class 0
    found = probabilities(x, y)
    assert found[4, 0] > 0.8
    assert found.argmax(axis=1).tolist() == np.repeat(np.arange(3), 10).tolist()


@pytest.mark.parametrize("jitter", [0.0, 0.05])
def test_copies_in_another_class_do_not_vote(jitter: float) -> None:
    x, y = clusters(10)
    x[[28, 29]] = x[2] + jitter * np.random.default_rng(0).normal(size=(2, 16))
    assert (probabilities(x, y)[[2, 28, 29]].argmax(axis=1) == 0).all()


def test_a_group_is_held_out_together() -> None:
    x, y = clusters(10)
    groups = np.arange(30)
    groups[[2, 28, 29]] = 2
    x[[28, 29]] = x[2] + np.random.default_rng(0).normal(size=(2, 16))
    assert probabilities(x, y, groups)[[28, 29], 0].min() > 0.5


def test_a_class_of_one_scene_keeps_the_answers_of_heads_that_know_it() -> None:
    x, y = clusters(6)
    x, y = np.concatenate([x, x[[0]] + 9]), np.append(y, 3)
    assert probabilities(x, y)[-1, 3] > 0.4


def test_another_seed_gives_other_probabilities() -> None:
    x, y = clusters(8, noise=3.0)
    first, again, other = (probabilities(x, y, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_quantized_embeddings_count_as_their_values() -> None:
    x, y = clusters(8)
    stored = np.clip(np.round(x * 10) + 128, 0, 255).astype(np.uint8)
    embeddings = Embeddings(stored, 0.1, 128)
    of_values = probabilities(np.asarray(embeddings), y)
    np.testing.assert_allclose(probabilities(embeddings, y), of_values, atol=2e-3)


@pytest.mark.slow_when_emulated
def test_wrong_labels_of_flowers_are_found(data_dir: Path) -> None:
    folder = ImageFolder(data_dir / "flowers")
    with EmbeddingExtractor(
        data_dir / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    ) as model:
        embeddings = model.extract(folder.paths)
    labels, wrong = with_wrong_labels(folder.labels, 30, seed=0)
    found = set(find_label_errors(embeddings, labels)[:60].tolist())
    assert len(found & wrong) >= 0.85 * len(wrong)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embeddings": np.zeros((0, 2))}, "at least one embedding"),
        ({"embeddings": np.zeros(3)}, "matrix with one embedding per row"),
        ({"labels": [0.5, 1]}, "must be integers"),
        ({"labels": [0]}, "one label for each of the 2 embeddings"),
        ({"labels": [0, -3]}, "must be in"),
        ({"embeddings": [[np.inf, 0], [1, 1]]}, "must be finite"),
        ({"groups": [0.5, 1]}, "groups must be one integer for each"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"embeddings": np.eye(2, dtype=np.float32), "labels": [0, 1]}
    with pytest.raises(ValueError, match=message):
        find_label_errors(**(given | arguments))
