"""SoftmaxRegression.fit: the converged head, with a penalty that is chosen automatically."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coral_learn.dataset import ImageFolder, split_by_class
from coral_learn.embeddings import Embeddings
from coral_learn.extraction.extractor import EmbeddingExtractor
from coral_learn.heads import penalty_search
from coral_learn.heads.imprinting import ImprintingEngine
from coral_learn.heads.softmax_regression import SoftmaxRegression
from coral_learn.tflite.imprinting.create import create_imprinting_model


def clusters(
    per_class: int, classes: int = 3, features: int = 20, noise: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Returns points around a center for each class, ordered by class."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(classes, features))
    labels = np.repeat(np.arange(classes), per_class)
    points = centers[labels] + noise * rng.normal(size=(len(labels), features))
    return points.astype(np.float32), labels


def plain_loss(head: SoftmaxRegression, x: np.ndarray, y: np.ndarray, penalty: float) -> float:
    """Returns the loss that fit minimizes, in double precision."""
    x = x.astype(np.float64)
    logits = x @ head.weights.astype(np.float64) + head.biases
    logits -= logits.max(axis=1, keepdims=True)
    cross_entropy = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]
    spread = np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=1).mean())
    return float(
        cross_entropy.mean()
        + 0.5 * penalty / len(y) * (head.weights.astype(np.float64) ** 2).sum() * spread**2
    )


@settings(max_examples=25)
@given(
    per_class=st.integers(1, 12),
    classes=st.integers(2, 6),
    features=st.integers(1, 40),
    penalty=st.sampled_from([0.01, 0.1, 1.0]),
    seed=st.integers(0, 99),
)
def test_no_small_change_lowers_the_loss(
    per_class: int, classes: int, features: int, penalty: float, seed: int
) -> None:
    x, y = clusters(per_class, classes, features, seed=seed)
    head = SoftmaxRegression(features, classes)
    record = head.fit(x, y, penalty=penalty)
    assert record.converged
    assert record.penalty == penalty
    minimum = plain_loss(head, x, y, penalty)
    assert record.losses[-1] == pytest.approx(minimum, abs=1e-4)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        other = SoftmaxRegression(features, classes)
        change = 0.01 * rng.normal(size=head.weights.shape)
        other.weights, other.biases = head.weights + change, head.biases
        assert plain_loss(other, x, y, penalty) >= minimum - 1e-5


def test_it_agrees_with_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is missing")
    x, y = clusters(30, noise=2.0)
    spread = np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=1).mean())
    head = SoftmaxRegression(x.shape[1], 3)
    head.fit(x, y, penalty=0.5)
    other = linear_model.LogisticRegression(C=1 / (0.5 * spread**2), tol=1e-8, max_iter=5000)
    other.fit(x.astype(np.float64), y)
    np.testing.assert_allclose(
        head.predict_proba(x), other.predict_proba(x.astype(np.float64)), atol=5e-3
    )


def test_the_same_data_give_the_same_head_from_any_start() -> None:
    x, y = clusters(10)
    first, second = SoftmaxRegression(20, 3, seed=1), SoftmaxRegression(20, 3, seed=1)
    second.weights = np.ones((20, 3))
    assert first.fit(x, y) == second.fit(x, y)
    np.testing.assert_array_equal(first.weights, second.weights)
    np.testing.assert_array_equal(first.biases, second.biases)


def test_quantized_embeddings_give_the_same_as_their_real_values() -> None:
    x, y = clusters(15, features=33)
    stored = np.clip(np.rint(x / 0.05) + 128, 0, 255).astype(np.uint8)
    embeddings = Embeddings(stored, 0.05, 128)
    first, second = SoftmaxRegression(33, 3), SoftmaxRegression(33, 3)
    first.fit(embeddings, y, penalty=0.1)
    second.fit(np.asarray(embeddings), y, penalty=0.1)
    np.testing.assert_allclose(first.weights, second.weights, atol=2e-3)


def test_noise_needs_a_larger_penalty() -> None:
    def penalty_for(noise: float) -> float:
        x, y = clusters(20, noise=noise, features=60)
        return SoftmaxRegression(60, 3, seed=0).fit(x, y).penalty

    assert penalty_for(8.0) > penalty_for(0.5)


def test_the_penalty_is_the_best_of_those_tried() -> None:
    x, y = clusters(20, noise=3.0)
    record = SoftmaxRegression(20, 3, seed=0).fit(x, y)
    assert len(record.validation_losses) >= 3
    assert record.validation_losses[record.penalty] == min(record.validation_losses.values())
    assert (np.diff(record.losses) < 1e-7).all()  # close to the minimum, slopes decide


def test_validation_rows_choose_the_penalty() -> None:
    x, y = clusters(20, noise=3.0)
    test_x, test_y = clusters(20, noise=3.0, seed=5)
    alike = SoftmaxRegression(20, 3, seed=0).fit(x, y, validation=(x, y))
    unlike = SoftmaxRegression(20, 3, seed=0).fit(x, y, validation=(test_x, test_y))
    assert alike.penalty < unlike.penalty


def test_one_photo_per_class() -> None:
    x, y = clusters(1, classes=5, noise=0.1)
    head = SoftmaxRegression(20, 5)
    record = head.fit(x, y)
    assert record.validation_losses == {}
    assert head.get_accuracy(x, y) == 1
    assert head.get_accuracy(*clusters(1, classes=5, noise=0.1)) == 1


def bright_and_dark_photos(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns positive features of 5 classes. The lengths say nothing about the class."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(0).gamma(0.5, size=(5, 200))
    labels = np.arange(5).repeat(20)
    points = centers[labels] + 1.5 * rng.gamma(0.5, size=(100, 200))
    return (points * rng.uniform(0.7, 1.3, size=(100, 1))).astype(np.float32), labels


def test_the_length_of_the_only_photo_of_a_class_does_not_decide() -> None:
    penalty = 0.01  # as fit chooses it for one photo per class; giving it keeps the lengths
    chosen, as_they_are = SoftmaxRegression(200, 5), SoftmaxRegression(200, 5)
    gains = []
    for seed in range(10):
        x, y = bright_and_dark_photos(seed)
        assert chosen.fit(x[::20], y[::20]).penalty == penalty
        as_they_are.fit(x[::20], y[::20], penalty=penalty)
        gains.append(chosen.get_accuracy(x, y) - as_they_are.get_accuracy(x, y))
    assert np.mean(gains) > 0.05


@pytest.mark.parametrize("value", [np.inf, 1e15, 0.0])
def test_an_embedding_of_length_zero_or_too_large_can_be_fitted(value: float) -> None:
    x, y = clusters(3)
    x[4] = value
    head = SoftmaxRegression(20, 3, seed=0)
    if np.isinf(value):
        with pytest.raises(ValueError, match="row 4 holds NaN or infinity"):
            head.fit(x, y)
    else:
        head.fit(x, y)
        assert np.isfinite(head.weights).all()


def test_lengths_that_tell_classes_apart_are_kept() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(20) % 2
    x = np.ones((20, 3)) * (1 + y[:, None]) + 0.01 * rng.normal(size=(20, 3))
    head = SoftmaxRegression(3, 2, seed=0)
    head.fit(x, y)
    assert head.get_accuracy(x, y) == 1


@pytest.mark.slow_when_emulated
def test_two_classes_and_many_classes() -> None:
    for classes in (2, 200):
        x, y = clusters(4, classes=classes, features=64, noise=0.3)
        head = SoftmaxRegression(64, classes)
        head.fit(x, y)
        assert head.get_accuracy(x, y) >= 0.99


def test_separable_and_duplicated_rows_stay_finite() -> None:
    x, y = clusters(5, noise=0.01)
    x, y = np.repeat(x, 20, axis=0), np.repeat(y, 20)
    head = SoftmaxRegression(20, 3)
    assert head.fit(x, y).converged
    assert np.isfinite(head.weights).all()
    assert head.get_accuracy(x, y) == 1


def test_rows_that_are_all_the_same() -> None:
    head = SoftmaxRegression(4, 2)
    head.fit(np.ones((6, 4)), [0, 0, 0, 0, 1, 1])
    np.testing.assert_allclose(head.predict_proba(np.ones((1, 4))), [[2 / 3, 1 / 3]], atol=0.01)


def test_class_weights_lift_a_rare_class() -> None:
    x, y = clusters(100, classes=2, features=5, noise=2.5)
    kept = np.concatenate([np.arange(100), np.arange(100, 106)])
    x, y = x[kept], y[kept]
    plain, balanced, given = (SoftmaxRegression(5, 2, seed=0) for _ in range(3))
    plain.fit(x, y, penalty=1.0)
    balanced.fit(x, y, penalty=1.0, class_weight="balanced")
    given.fit(x, y, penalty=1.0, class_weight=[106 / 200, 106 / 12])
    assert (balanced.predict(x) == 1).sum() > (plain.predict(x) == 1).sum()
    np.testing.assert_allclose(given.weights, balanced.weights, atol=1e-3)


def test_an_error_from_progress_keeps_the_last_whole_iteration() -> None:
    x, y = clusters(10)
    head, whole = SoftmaxRegression(20, 3), SoftmaxRegression(20, 3)

    def stop(iteration: int, loss: float) -> None:
        if iteration == 3:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        head.fit(x, y, penalty=0.01, progress=stop)
    losses = whole.fit(x, y, penalty=0.01).losses
    assert plain_loss(head, x, y, 0.01) == pytest.approx(losses[3], abs=1e-5)


@pytest.mark.parametrize("factor", [1e4, 1e9, 1e30])
def test_one_feature_may_be_much_larger_than_the_others(factor: float) -> None:
    x, y = clusters(40, noise=1.5)
    test_x, test_y = clusters(40, noise=1.5)
    plain, scaled = SoftmaxRegression(20, 3, seed=0), SoftmaxRegression(20, 3, seed=0)
    plain.fit(x, y)
    units = np.ones(20)
    units[7] = factor
    record = scaled.fit(x * units, y)
    assert record.converged
    assert not record.at_edge
    expected = plain.get_accuracy(test_x, test_y)
    assert scaled.get_accuracy(test_x * units, test_y) >= expected - 0.03


@settings(max_examples=20)
@given(
    exponents=st.lists(st.integers(-25, 25), min_size=8, max_size=8),
    offsets=st.lists(st.sampled_from([0, 1, -1e3, 1e6]), min_size=8, max_size=8),
    seed=st.integers(0, 99),
)
def test_columns_in_any_units(exponents: list[int], offsets: list[float], seed: int) -> None:
    x, y = clusters(30, features=8, noise=0.5, seed=seed)
    exponents[0], exponents[1] = 0, 10  # out of proportion
    units = 10.0 ** np.array(exponents)
    values = ((x + offsets) * units).astype(np.float32)
    head, plain = SoftmaxRegression(8, 3, seed=0), SoftmaxRegression(8, 3, seed=0)
    assert head.fit(values, y).converged
    plain.fit(x, y)
    assert np.isfinite(head.weights).all()
    assert head.get_accuracy(values, y) >= plain.get_accuracy(x, y) - 0.1


@pytest.mark.parametrize("unit", [1e-42, 1e-38, 1e-30, 1e-20, 1e20, 1e34])
def test_embeddings_of_any_size(unit: float) -> None:
    x, y = clusters(30)
    values = (x.astype(np.float64) * unit).astype(np.float32)
    head = SoftmaxRegression(20, 3, seed=0)
    if unit < 1e-32:
        with pytest.raises(ValueError, match="too little for float32 weights"):
            head.fit(values, y)
    else:
        assert head.fit(values, y).converged
        assert head.get_accuracy(values, y) >= 0.98


def test_an_offset_that_is_much_larger_than_the_differences() -> None:
    x, y = clusters(40, noise=1.5)
    plain, head = SoftmaxRegression(20, 3, seed=0), SoftmaxRegression(20, 3, seed=0)
    penalty = plain.fit(x, y).penalty
    plain.fit(x, y, penalty=penalty)
    shifted = x + np.where(np.arange(20) == 3, np.float32(1e6), np.float32(0))
    record = head.fit(shifted, y, penalty=penalty)
    assert record.converged
    np.testing.assert_allclose(head.weights, plain.weights, atol=0.05)
    assert head.get_accuracy(shifted, y) >= plain.get_accuracy(x, y) - 0.02


def test_constant_features_get_no_weight() -> None:
    x, y = clusters(20)
    values = np.concatenate([x, np.full((60, 1), 1e6), np.zeros((60, 1))], axis=1)
    for factor in (1, 1e4):
        values[:, 0] *= factor
        head = SoftmaxRegression(22, 3, seed=0)
        assert head.fit(values, y).converged
        np.testing.assert_allclose(head.weights[20:], 0, atol=1e-6)
        assert head.get_accuracy(values, y) == 1


def test_validation_rows_are_scaled_like_the_others() -> None:
    x, y = clusters(20, noise=2.0)
    test_x, test_y = clusters(20, noise=2.0, seed=0)
    units = np.where(np.arange(20) == 0, 1e5, 1)
    head = SoftmaxRegression(20, 3, seed=0)
    record = head.fit(x * units, y, validation=(test_x * units, test_y))
    assert min(record.validation_losses.values()) < 0.5


@pytest.mark.parametrize("class_weight", [None, "balanced", [1, 2, 3]])
@pytest.mark.parametrize("per_class", [5, 60])
def test_weights_of_rows_equal_repeated_rows(per_class: int, class_weight: Any) -> None:
    x, y = clusters(per_class, noise=2.0)
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 4, size=len(y))
    weights[[0, -1, per_class]] = 1
    order = rng.permutation(weights.sum())
    weighted, repeated = (SoftmaxRegression(20, 3, seed=0) for _ in range(2))
    first = weighted.fit(x, y, sample_weight=weights, class_weight=class_weight)
    again = repeated.fit(
        x.repeat(weights, axis=0)[order], y.repeat(weights)[order], class_weight=class_weight
    )
    assert first == again
    np.testing.assert_array_equal(weighted.weights, repeated.weights)
    np.testing.assert_array_equal(weighted.biases, repeated.biases)


def test_weights_of_rows_minimize_the_weighted_loss() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is missing")
    x, y = clusters(30, noise=2.0)
    weights = np.random.default_rng(0).uniform(0.1, 3, size=len(y))
    mean = np.average(x, axis=0, weights=weights)
    spread = np.sqrt(np.average(((x - mean) ** 2).sum(axis=1), weights=weights))
    head = SoftmaxRegression(20, 3)
    head.fit(x, y, penalty=0.5, sample_weight=weights)
    other = linear_model.LogisticRegression(C=1 / (0.5 * spread**2), tol=1e-8, max_iter=5000)
    other.fit(x.astype(np.float64), y, sample_weight=weights)
    np.testing.assert_allclose(
        head.predict_proba(x), other.predict_proba(x.astype(np.float64)), atol=5e-3
    )


def test_the_unit_of_sample_weights_does_not_matter() -> None:
    x, y = clusters(20, noise=2.0)
    weights = np.random.default_rng(0).uniform(0.1, 3, size=len(y))
    first, second = SoftmaxRegression(20, 3, seed=0), SoftmaxRegression(20, 3, seed=0)
    penalty = first.fit(x, y, sample_weight=weights).penalty
    assert second.fit(x, y, sample_weight=weights / 1024).penalty == pytest.approx(penalty / 1024)
    np.testing.assert_allclose(first.weights, second.weights, atol=1e-3)
    ones, none = SoftmaxRegression(20, 3, seed=0), SoftmaxRegression(20, 3, seed=0)
    assert ones.fit(x, y, sample_weight=np.ones(60)) == none.fit(x, y)


def test_the_search_goes_on_beyond_an_edge() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    centers = rng.normal(size=(3, 20))
    noise = rng.normal(size=(300, 20))
    noise[:, 5:] *= 25  # in proportion, but they hide the others
    weak = SoftmaxRegression(20, 3, seed=0).fit(2 * centers[y] * (np.arange(20) < 5) + noise, y)
    assert weak.penalty < 0.001
    noise = np.random.default_rng(1).normal(size=(60, 20))
    strong = SoftmaxRegression(20, 3, seed=0).fit(noise, y[:60])
    assert strong.penalty > 3
    for record in (weak, strong):
        assert record.validation_losses[record.penalty] == min(record.validation_losses.values())
    assert not weak.at_edge


def test_an_edge_is_told() -> None:
    x, y = clusters(1000, classes=2)
    record = SoftmaxRegression(20, 2, seed=0).fit(x, y, validation=(x, 1 - y))
    assert record.penalty == 1000
    assert record.at_edge


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0, 1, 3]}, r"labels must be in \[0, 3\), not 3"),
        ({"labels": [0, 1]}, "one label for each of the 3 embeddings"),
        ({"embeddings": np.zeros((3, 5))}, "embeddings must have 4 features per row, not 5"),
        ({"embeddings": np.full((3, 4), np.nan)}, "must be finite"),
        ({"embeddings": np.zeros((0, 4)), "labels": []}, "at least one embedding"),
        ({"penalty": 0.0}, "penalty must be more than 0"),
        ({"penalty": -1}, "penalty must be finite and at least 0"),
        ({"class_weight": "even"}, "class_weight must be 'balanced' or numbers"),
        ({"class_weight": [1, 2]}, r"class_weight must have shape \[3\]"),
        ({"class_weight": [1, -2, 1]}, "class_weight must be at least 0"),
        ({"sample_weight": [1, 2]}, r"sample_weight must have shape \[3\]"),
        ({"sample_weight": [1, -2, 1]}, r"sample_weight must be at least 0, not -2 \(row 1\)"),
        ({"sample_weight": [1, np.nan, 1]}, "sample_weight must be finite"),
        ({"sample_weight": [1, 0, 1]}, "sample_weight is zero for every row of class 1"),
        ({"validation": (np.zeros((2, 4)), [0])}, "validation labels must hold one label"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_invalid_arguments(changes: dict[str, Any], message: str) -> None:
    arguments = {"embeddings": np.eye(3, 4), "labels": [0, 1, 2], **changes}
    with pytest.raises(ValueError, match=message):
        SoftmaxRegression(4, 3).fit(**arguments)


@pytest.fixture(scope="module")
def flowers(data_dir: Path) -> tuple[bytes, Embeddings, np.ndarray]:
    name = "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    content = (data_dir / "models" / name).read_bytes()
    photos = ImageFolder(data_dir / "flowers")
    with EmbeddingExtractor(content) as extractor:
        return content, extractor.extract(photos.paths), photos.labels


@pytest.mark.parametrize(("photos", "min_accuracy"), [(5, 0.68), (20, 0.82), (48, 0.84)])
def test_flowers(
    flowers: tuple[bytes, Embeddings, np.ndarray], photos: int, min_accuracy: float
) -> None:
    extractor, embeddings, labels = flowers
    fitted, imprinted = [], []
    for seed in range(5):
        split = split_by_class(labels, 0, 1 - photos / 60, seed)
        train, test = split.train, split.test
        head = SoftmaxRegression(1024, 5, seed=seed)
        head.fit(embeddings[train], labels[train])
        fitted.append(head.get_accuracy(embeddings[test], labels[test]))
        engine = ImprintingEngine(create_imprinting_model(extractor))
        engine.train_all(embeddings[train], labels[train])
        imprinted.append(engine.get_accuracy(embeddings[test], labels[test]))
    assert np.mean(fitted) >= min_accuracy
    assert np.mean(fitted) >= np.mean(imprinted)


def test_frames_of_a_video_are_held_out_together() -> None:
    """Near copies of a photo say nothing about the answers for others."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(16), 10)
    labels = groups % 2
    points = random.normal(0, 1, (16, 64))[groups] + labels[:, None] * 0.3
    embeddings = (points + random.normal(0, 0.01, points.shape)).astype(np.float32)
    alone = SoftmaxRegression(64, 2, seed=0).fit(embeddings, labels)
    grouped = SoftmaxRegression(64, 2, seed=0).fit(embeddings, labels, groups=groups)
    assert min(grouped.validation_losses.values()) > 2 * min(alone.validation_losses.values())
    assert grouped.penalty > alone.penalty
    each = SoftmaxRegression(64, 2, seed=0).fit(embeddings, labels, groups=np.arange(160))
    assert each.penalty == alone.penalty


@pytest.mark.parametrize("groups", [[0, 1], np.zeros(4), [[0, 1, 2, 3]]])
def test_groups_must_be_one_integer_for_each_row(groups: Any) -> None:
    head = SoftmaxRegression(2, 2)
    with pytest.raises(ValueError, match="groups must be one integer for each of the 4 embed"):
        head.fit(np.eye(4, 2), [0, 1, 0, 1], groups=groups)


@pytest.mark.parametrize("folds", ["one", "five"])
def test_a_fit_that_may_take_long_runs_in_the_callers_thread(
    folds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only there can Ctrl-C stop it before it ends."""
    monkeypatch.setenv("CORAL_LEARN_NUM_THREADS", "2")
    if folds == "one":
        monkeypatch.setattr(penalty_search, "MAX_WORK_FOR_FOLDS", 0)
    threads = set()
    losses = penalty_search._FoldFit.losses

    def noting_the_thread(fold: penalty_search._FoldFit, *arguments: Any) -> Any:
        threads.add(threading.current_thread())
        return losses(fold, *arguments)

    monkeypatch.setattr(penalty_search._FoldFit, "losses", noting_the_thread)
    SoftmaxRegression(20, 3, seed=0).fit(*clusters(20))
    assert (threads == {threading.current_thread()}) == (folds == "one")
