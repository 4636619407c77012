"""Heads from sums over each class: what they are, and that shards do not matter."""

import numpy as np
import pytest
from numpy.typing import NDArray

from coral_learn import SoftmaxRegression
from coral_learn.embeddings import Embeddings
from coral_learn.heads.discriminant import ClassSums, covariance_within, discriminant
from coral_learn.heads.memory_shard import MemoryShard
from coral_learn.heads.quick_fit import fit_quickly
from coral_learn.heads.shard import Moments, ShardError, ShardLostError

CLASSES, FEATURES = 3, 40
Rows = tuple[Embeddings, NDArray[np.int64]]


def drawn(seed: int, per_class: int = 40, features: int = FEATURES) -> Rows:
    """Draws rows whose classes differ in a few features, and vary most along a few others."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), [per_class, per_class // 2 + 1, per_class])
    means = np.random.default_rng(1).normal(0, 1, (CLASSES, features))
    axes = np.random.default_rng(2).normal(0, 2, (3, features))
    rows = means[labels] + rng.normal(0, 1, (len(labels), 3)) @ axes
    rows += rng.normal(0, 1, rows.shape) + 8
    return Embeddings(np.clip(rows * 10, 0, 255).astype(np.uint8), 0.1, 0), labels


def quick(shards: list[MemoryShard], features: int = FEATURES) -> SoftmaxRegression:
    head = SoftmaxRegression(features, CLASSES, seed=0)
    weights, biases = fit_quickly(shards, features, CLASSES, on_lost=lambda index, error: None)
    head.weights, head.biases = weights.T, biases
    return head


def loss(head: SoftmaxRegression, rows: Rows) -> float:
    probabilities = head.predict_proba(rows[0])
    return float(-np.log(probabilities[np.arange(len(rows[1])), rows[1]] + 1e-12).mean())


def test_it_is_about_as_right_and_as_sure_as_a_fitted_head() -> None:
    rows, test = drawn(0), drawn(5, per_class=400)
    fitted = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    fitted.fit(*rows, seed=0)
    head = quick([MemoryShard(*rows)])
    assert head.get_accuracy(*test) >= fitted.get_accuracy(*test) - 0.02
    assert loss(head, test) <= loss(fitted, test) + 0.05


@pytest.mark.parametrize("per_class", [4, 40])  # with lengths made equal, and without
def test_it_does_not_matter_where_rows_are(per_class: int) -> None:
    embeddings, labels = drawn(3, per_class)
    whole = quick([MemoryShard(embeddings, labels)])
    first = labels < 1  # a class is on one shard alone
    rest = np.flatnonzero(~first)
    parts = [np.flatnonzero(first), rest[::3], np.setdiff1d(rest, rest[::3])]
    divided = quick([MemoryShard(embeddings[part], labels[part]) for part in parts])
    np.testing.assert_allclose(divided.weights, whole.weights, rtol=1e-3, atol=1e-4)


def test_the_covariance_is_exact_where_the_sketch_sees_all_directions() -> None:
    features = 8
    embeddings, labels = drawn(0, features=features)
    x = np.asarray(embeddings, np.float64)
    classes = ClassSums(
        np.bincount(labels).astype(float),
        np.stack([x[labels == label].sum(axis=0) for label in range(CLASSES)]),
    )
    moments = MemoryShard(embeddings, labels).moments()
    found = covariance_within(moments, classes, 3.0)
    assert found is not None
    apart = x - classes.means[labels]
    expected = apart.T @ apart / len(x)
    np.testing.assert_allclose(found.directions @ found.directions.T, expected, atol=1e-3)
    full = expected + found.level * np.eye(features)
    assert found.level == pytest.approx(3 * np.trace(expected) / features, rel=1e-3)
    weights, biases = discriminant(found, classes)
    center = x.mean(axis=0)
    wanted = np.linalg.solve(full, (classes.means - center).T).T
    np.testing.assert_allclose(weights, wanted, rtol=1e-3, atol=1e-4)
    middle = (classes.means[0] + classes.means[1]) / 2
    odds = (weights @ middle + biases)[:2]
    assert odds[0] - odds[1] == pytest.approx(np.log(40 / 21), abs=1e-3)


class Lost(MemoryShard):
    """Is lost when it is asked for moments."""

    def moments(self, sketch_buckets: int = 0, *, unit_length: bool = False) -> Moments:
        raise ShardLostError("it has left")


def test_it_goes_on_without_a_shard_that_is_lost() -> None:
    rows, others = drawn(0), drawn(1)
    lost = []
    weights, _ = fit_quickly(
        [MemoryShard(*rows), Lost(*others)],
        FEATURES,
        CLASSES,
        on_lost=lambda index, error: lost.append((index, str(error))),
    )
    assert lost == [(1, "it has left")]
    np.testing.assert_array_equal(weights.T, quick([MemoryShard(*rows)]).weights)
    with pytest.raises(ShardError, match="all shards have been lost"):
        fit_quickly([Lost(*others)], FEATURES, CLASSES, on_lost=lambda index, error: None)


def test_what_cannot_be_told_from_sums_is_refused() -> None:
    embeddings, labels = drawn(0)
    one_each = np.array([0, 40, 61])
    with pytest.raises(ValueError, match="needs two photos of a class that differ"):
        quick([MemoryShard(embeddings[one_each], labels[one_each])])
    two = np.flatnonzero(labels < CLASSES - 1)
    with pytest.raises(ValueError, match="a class has no photos"):
        quick([MemoryShard(embeddings[two], labels[two])])
