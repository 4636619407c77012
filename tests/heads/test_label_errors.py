"""Finding wrong labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.heads.test_held_out import clusters

from coral_learn import EmbeddingExtractor, ImageFolder, find_label_errors


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
