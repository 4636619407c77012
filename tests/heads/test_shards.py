"""Fits to shards: the head of all rows together, whatever their division."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coral_learn.distributed import (
    BUCKETS,
    LEFT_OUT,
    NEVER_HELD_OUT,
    Fold,
    HeldOutSums,
    LossSums,
    MemoryShard,
    Moments,
    Shard,
    ShardChangedError,
    ShardDescription,
    ShardError,
    ShardLostError,
    buckets_of,
    buckets_of_groups,
)
from coral_learn.embeddings import Embeddings
from coral_learn.heads.fold_table import deal_folds
from coral_learn.heads.softmax_regression import SoftmaxRegression

pytestmark = pytest.mark.slow_when_emulated

FEATURES = 24
# Computed once: on another computer or with another version, they have to be the same.
BYTE_BUCKETS = [197, 41, 162]
FLOAT_BUCKETS = [89, 49, 5]
GROUP_BUCKETS = [161, 98]


def draw(
    rows: int, classes: int, seed: int, quantized: bool, noise: float = 1.5
) -> tuple[Embeddings, np.ndarray]:
    """Returns rows of classes that overlap; each class has one at least."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=rows - classes)])
    values = rng.normal(size=(classes, FEATURES))[labels] + noise * rng.normal(
        size=(rows, FEATURES)
    )
    if not quantized:
        return Embeddings(values.astype(np.float32)), labels
    stored = np.clip(np.rint(values / 0.05) + 100, 0, 255).astype(np.uint8)
    return Embeddings(stored, 0.05, 100), labels


def divide(
    embeddings: Embeddings, labels: np.ndarray, parts: int, seed: int = 0, **known: np.ndarray
) -> list[MemoryShard]:
    """Divides rows unevenly; the last class is on one shard alone."""
    rng = np.random.default_rng(seed)
    is_last = labels == labels.max()
    others = rng.permutation(np.flatnonzero(~is_last))
    ends = np.sort(rng.choice(len(others), parts - 1, replace=False)) + 1
    order = np.concatenate([others, np.flatnonzero(is_last)])
    return [
        MemoryShard(embeddings[rows], labels[rows], **{k: v[rows] for k, v in known.items()})
        for rows in np.split(order, ends)
        if len(rows)
    ]


class Far:
    """A shard that answers from elsewhere, as far as a fit can tell; it may be told to fail."""

    def __init__(self, shard: MemoryShard, fails_at: int = -1, error: Exception | None = None):
        self.shard = shard
        self.calls = 0
        self.fails_at = fails_at
        self.error = error or ShardLostError("the connection was closed")

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.fails_at:
            raise self.error

    def describe(self) -> ShardDescription:
        self._count()
        return self.shard.describe()

    def moments(self, sketch_buckets: int, *, unit_length: bool = False) -> Moments:
        self._count()
        return self.shard.moments(sketch_buckets, unit_length=unit_length)

    def loss_and_gradient(
        self, weights: Any, biases: Any, fold: Fold | None = None, *, unit_length: bool = False
    ) -> LossSums:
        self._count()
        return self.shard.loss_and_gradient(weights, biases, fold, unit_length=unit_length)

    def held_out_loss(
        self,
        weights: Any,
        biases: Any,
        fold: Fold | None = None,
        temperatures: Sequence[float] = (1.0,),
        *,
        unit_length: bool = False,
    ) -> HeldOutSums:
        self._count()
        return self.shard.held_out_loss(
            weights, biases, fold, temperatures, unit_length=unit_length
        )


def assert_equal_sums(one: Any, several: Sequence[Any]) -> None:
    total = several[0]
    for each in several[1:]:
        total = total + each
    for name, value in vars(one).items():
        size = float(np.abs(value).max()) if np.size(value) else 0.0
        np.testing.assert_allclose(
            getattr(total, name), value, rtol=2e-5, atol=2e-5 * (1 + size), err_msg=name
        )


def fit(shards: Sequence[Shard], classes: int, **options: Any) -> tuple[SoftmaxRegression, Any]:
    head = SoftmaxRegression(FEATURES, classes, seed=0)
    return head, head.fit_shards(shards, **options)


def assert_same_head(first: SoftmaxRegression, second: SoftmaxRegression) -> None:
    largest = np.abs(first.weights).max()
    assert np.abs(first.weights - second.weights).max() <= 1e-4 * largest
    assert np.abs(first.biases - second.biases).max() <= 1e-3 * (
        largest + np.abs(first.biases).max()
    )


divisions = st.integers(1, 12)
sizes = st.integers(30, 90)


@settings(max_examples=30)
@given(
    rows=sizes,
    parts=divisions,
    quantized=st.booleans(),
    unit=st.booleans(),
    seed=st.integers(0, 99),
)
def test_sums_of_shards_are_the_sums_of_all_rows(
    rows: int, parts: int, quantized: bool, unit: bool, seed: int
) -> None:
    embeddings, labels = draw(rows, 4, seed, quantized)
    rng = np.random.default_rng(seed)
    known = {"sample_weight": rng.uniform(0.5, 2, rows).astype(np.float32)} if seed % 2 else {}
    whole = MemoryShard(embeddings, labels, **known)
    shards = divide(embeddings, labels, parts, seed, **known)
    weights = rng.normal(size=(4, FEATURES)).astype(np.float32)
    biases = rng.normal(size=4).astype(np.float32)
    fold = Fold(deal_folds(whole.describe().rows, False, np.inf, rng), 1)
    for chosen in (None, fold):
        assert_equal_sums(
            whole.loss_and_gradient(weights, biases, chosen, unit_length=unit),
            [each.loss_and_gradient(weights, biases, chosen, unit_length=unit) for each in shards],
        )
        request = (weights, biases, chosen, (0.5, 1.0, 3.0))
        assert_equal_sums(
            whole.held_out_loss(*request, unit_length=unit),
            [each.held_out_loss(*request, unit_length=unit) for each in shards],
        )
    for buckets in (BUCKETS, 90):
        assert_equal_sums(
            whole.moments(buckets, unit_length=unit),
            [shard.moments(buckets, unit_length=unit) for shard in shards],
        )
    held = whole.held_out_loss(weights, biases, fold)
    left = whole.loss_and_gradient(weights, biases, fold)
    everything = whole.loss_and_gradient(weights, biases)
    assert held.losses[0] + left.loss == pytest.approx(everything.loss, rel=1e-5)


@settings(max_examples=8, deadline=None)
@given(
    parts=st.sampled_from([2, 7, 20]),
    classes=st.integers(2, 5),
    quantized=st.booleans(),
    far=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_fit_of_any_division_gives_the_head_of_all_rows(
    parts: int, classes: int, quantized: bool, far: bool, seed: int
) -> None:
    embeddings, labels = draw(30 * classes + 20, classes, seed, quantized)
    whole = SoftmaxRegression(FEATURES, classes, seed=0)
    record = whole.fit(embeddings, labels)
    shards: list[Any] = divide(embeddings, labels, parts, seed)
    head, found = fit([Far(each) for each in shards] if far else shards, classes)
    assert (found.penalty, found.temperature) == (record.penalty, record.temperature)
    assert_same_head(head, whole)


def test_few_rows_have_their_lengths_made_equal_on_shards_too() -> None:
    embeddings, labels = draw(30, 3, 1, quantized=True, noise=0.5)
    whole = SoftmaxRegression(FEATURES, 3, seed=0)
    whole.fit(embeddings, labels)
    head, _ = fit(divide(embeddings, labels, 6), 3)
    assert_same_head(head, whole)


def test_weights_of_rows_and_classes_and_groups_are_given_to_shards() -> None:
    embeddings, labels = draw(200, 3, 1, quantized=True)
    rng = np.random.default_rng(0)
    known: dict[str, Any] = {
        "sample_weight": rng.uniform(0.5, 2, 200).astype(np.float32),
        "groups": rng.integers(40, size=200),
    }
    whole = SoftmaxRegression(FEATURES, 3, seed=0)
    record = whole.fit(embeddings, labels, class_weight=[1, 2, 0.5], **known)
    shards = [
        MemoryShard(embeddings[rows], labels[rows], class_weight=[1, 2, 0.5],
                    **{name: each[rows] for name, each in known.items()})
        for rows in np.split(rng.permutation(200), [20, 90])
    ]  # fmt: skip
    head, found = fit(shards, 3)
    assert found.penalty == record.penalty
    assert_same_head(head, whole)


@given(seed=st.integers(0, 1000), parts=divisions)
def test_folds_depend_on_neither_division_nor_order(seed: int, parts: int) -> None:
    embeddings, labels = draw(60, 3, seed, quantized=bool(seed % 2))
    whole = MemoryShard(embeddings, labels)
    rows = np.zeros((3, BUCKETS), np.int64)
    for shard in divide(embeddings, labels, parts, seed):
        held = shard.describe().rows
        rows[: len(held)] += held
    np.testing.assert_array_equal(rows, whole.describe().rows)
    table = deal_folds(rows, False, np.inf, np.random.default_rng(seed))
    buckets = buckets_of(embeddings)
    order = np.random.default_rng(seed).permutation(60)
    np.testing.assert_array_equal(buckets_of(embeddings[order]), buckets[order])
    held_out = [Fold(table, number).held_out_rows(labels, buckets) for number in range(5)]
    assert (np.sum(held_out, axis=0) <= 1).all()
    for number, chosen in enumerate(held_out):
        trained = Fold(table, number).training_rows(labels, buckets)
        np.testing.assert_array_equal(trained, ~chosen)
        assert set(labels[trained]) == {0, 1, 2}


def test_folds_hold_out_about_the_same_part_of_each_class() -> None:
    rows = np.random.default_rng(0).multinomial(5000, np.full(BUCKETS, 1 / BUCKETS), size=4)
    table = deal_folds(rows, False, np.inf, np.random.default_rng(0))
    for number in range(5):
        held = np.where(table == number, rows, 0).sum(axis=1)
        assert (np.abs(held - 1000) < 80).all()


def test_rows_of_a_bucket_stay_together_if_it_is_one_of_groups() -> None:
    rows = np.random.default_rng(0).integers(3, size=(4, BUCKETS))
    table = deal_folds(rows, True, np.inf, np.random.default_rng(0))
    for of_classes, numbers in zip(rows.T, table.T, strict=True):
        assert len(set(numbers[of_classes > 0])) <= 1


def test_of_very_many_rows_the_search_looks_at_a_part_only() -> None:
    rows = np.random.default_rng(0).integers(1, 2000, size=(3, BUCKETS))
    rows[2] = 0
    rows[2, :40] = 1  # a rare class
    table = deal_folds(rows, False, 20_000, np.random.default_rng(0))
    looked_at = np.where(table != LEFT_OUT, rows, 0)
    assert 15_000 < looked_at.sum() < 30_000
    assert looked_at[2].sum() == 40
    fold = Fold(table, 0)
    assert not (fold.training_cells | fold.held_out_cells)[table == LEFT_OUT].any()
    assert NEVER_HELD_OUT != LEFT_OUT


def test_buckets_are_the_same_on_every_computer() -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert buckets_of(Embeddings(values)).tolist() == BYTE_BUCKETS
    assert buckets_of(Embeddings(values.astype(np.float32))).tolist() == FLOAT_BUCKETS
    assert buckets_of_groups(["kitchen", "garden"]).tolist() == GROUP_BUCKETS
    assert buckets_of_groups([3, 3, 4]).tolist()[0] == buckets_of_groups(["3"])[0]


def test_buckets_of_rows_are_spread_evenly() -> None:
    rng = np.random.default_rng(0)
    for values in (rng.integers(3, size=(20_000, 100)), rng.integers(250, 256, size=(20_000, 10))):
        counts = np.bincount(buckets_of(Embeddings(values.astype(np.uint8))), minlength=BUCKETS)
        assert counts.max() < 150


def shards_with(change: dict[str, Any], method: str) -> list[Any]:
    """Returns three shards, of which the second gives a changed answer."""
    shards = [Far(each) for each in divide(*draw(90, 3, 0, quantized=False), 3)]
    original = getattr(shards[1], method)
    setattr(shards[1], method, lambda *a, **k: replace(original(*a, **k), **change))
    return shards


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        ("describe", {"features": 5}, "shard 1 has embeddings of 5 features, and the head of 24"),
        ("describe", {"rows": -np.ones((3, BUCKETS), int)}, "shard 1 must|shard 1 says"),
        ("describe", {"grouped": True}, "shard 1 has groups of rows, unlike the first"),
        ("describe", {"rows": np.ones((3, 2), int)}, "shard 1 must count its rows"),
        ("moments", {"weight": -1.0}, "shard 1 returned moments that no embeddings have"),
        ("moments", {"total": np.zeros(3)}, r"shard 1 returned moments of shape \[3\]"),
        ("loss_and_gradient", {"loss": np.nan}, "shard 1 returned losses that no rows have"),
        ("loss_and_gradient", {"weight": -3.0}, "shard 1 returned losses that no rows have"),
        ("loss_and_gradient", {"bias_gradient": np.full(3, np.nan)}, "shard 1 .* not finite"),
        ("loss_and_gradient", {"weight_gradient": np.zeros((3, 2))}, r"shard 1 .* \[3, 2\]"),
        ("held_out_loss", {"losses": np.array([-1.0])}, "shard 1 returned losses that no"),
        ("held_out_loss", {"losses": np.zeros(0)}, r"shard 1 returned losses of shape \[0\]"),
    ],
)
def test_an_impossible_answer_names_the_shard(
    method: str, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ShardError, match=message):
        fit(shards_with(change, method), 3)


def test_labels_that_the_head_has_no_class_for_name_the_shard() -> None:
    shards = divide(*draw(90, 3, 0, quantized=False), 3)
    with pytest.raises(ShardError, match=r"shard 2 has labels up to 2: they must be in \[0, 2\)"):
        fit(shards, 2)


def test_features_in_other_units_are_refused() -> None:
    embeddings, labels = draw(90, 3, 0, quantized=False)
    values = np.asarray(embeddings) * np.where(np.arange(FEATURES) == 0, 1000, 1)
    with pytest.raises(ShardError, match="units that differ much"):
        fit(divide(Embeddings(values.astype(np.float32)), labels, 3), 3)


def test_an_error_of_a_shard_names_it() -> None:
    shards = [Far(each) for each in divide(*draw(90, 3, 0, quantized=False), 3)]
    for error in (ValueError("the disk is gone"), OSError("the disk is gone")):
        shards[2] = Far(shards[2].shard, 4, error)
        with pytest.raises(ShardError, match="shard 2: the disk is gone"):
            fit(shards, 3)
    with pytest.raises(ShardError, match="shard 0 was lost: the connection was closed"):
        fit([Far(shards[0].shard, 5), shards[1]], 3)
    with pytest.raises(ShardError, match="there must be at least one shard"):
        fit([], 3)


@pytest.mark.parametrize("fails_at", [1, 2, 5, 60])
def test_a_fit_goes_on_without_a_shard_that_is_lost(fails_at: int) -> None:
    shards: list[Any] = [Far(each) for each in divide(*draw(150, 3, 0, quantized=True), 4)]
    staying = [shards[0], shards[2], shards[3]]
    penalty = 0.1 if fails_at == 60 else None
    expected, record = fit([each.shard for each in staying], 3, penalty=penalty)
    shards[1].fails_at = min(fails_at, 12) if penalty else fails_at
    lost: list[tuple[int, str]] = []
    head, found = fit(
        shards, 3, penalty=penalty, on_lost=lambda index, error: lost.append((index, str(error)))
    )
    assert lost == [(1, "the connection was closed")]
    assert found.penalty == record.penalty
    assert_same_head(head, expected)


def test_a_shard_that_stands_for_several_may_change() -> None:
    shards: list[Any] = [Far(each) for each in divide(*draw(150, 3, 0, quantized=True), 4)]
    group = Far(shards[1].shard, 9, ShardChangedError())
    staying = [shards[0].shard, shards[2].shard, shards[3].shard]
    expected, _ = fit(staying, 3, penalty=0.1)

    def change() -> None:
        group.calls += 1
        if group.calls == group.fails_at:
            group.shard = shards[2].shard
            raise group.error

    group._count = change  # type: ignore[method-assign]
    head, _ = fit([shards[0], group, shards[3]], 3, penalty=0.1)
    assert_same_head(head, expected)


def test_an_exception_leaves_the_head_of_the_last_iteration() -> None:
    shards = [Far(each) for each in divide(*draw(150, 3, 0, quantized=True), 4)]
    head = SoftmaxRegression(FEATURES, 3, seed=0)
    before = head.weights.copy()

    def stop(iteration: int, loss: float) -> None:
        if iteration == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        head.fit_shards(shards, penalty=0.1, progress=stop)
    assert not np.array_equal(head.weights, before)
    assert np.isfinite(head.weights).all()


def test_requests_of_all_shards_and_folds_are_on_their_way_together() -> None:
    together = threading.Barrier(3 * 5, timeout=20)
    shards = [Far(each) for each in divide(*draw(150, 3, 0, quantized=True), 3)]

    def wait_once(shard: Far) -> None:
        ask = shard.loss_and_gradient
        seen: set[int] = set()

        def asked(weights: Any, biases: Any, fold: Any = None, **options: Any) -> LossSums:
            if fold is not None and fold.number not in seen:
                seen.add(fold.number)
                together.wait()
            return ask(weights, biases, fold, **options)

        shard.loss_and_gradient = asked  # type: ignore[method-assign]

    for shard in shards:
        wait_once(shard)
    fit(shards, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": [1, 2], "buckets": np.zeros(2, np.uint8)}, "give groups or buckets"),
        ({"groups": [1]}, "groups must be one integer or string for each of the 2 rows"),
        ({"buckets": np.zeros(2)}, r"buckets must be uint8 of shape \[2\]"),
        ({"class_weight": [1.0]}, r"class_weight must have shape \[2\]"),
        ({"class_weight": [1.0, -1.0]}, "class_weight must be at least 0"),
        ({"sample_weight": [1.0, -1.0]}, "sample_weight must be at least 0"),
    ],
)
def test_a_memory_shard_checks_its_rows(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MemoryShard(np.eye(2, dtype=np.float32), [0, 1], **options)
    with pytest.raises(ValueError, match="at least one embedding"):
        MemoryShard(np.zeros((0, 2), np.float32), [])
