"""SoftmaxRegression: training, prediction, saving, and every error of its arguments."""

import copy
import pickle
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from coral_learn.embeddings import Embeddings
from coral_learn.errors import ModelError
from coral_learn.heads.records import TrainingRecord
from coral_learn.heads.softmax_regression import SoftmaxRegression

FEATURES, CLASSES = 12, 3


def make_data(
    rows: int = 90, features: int = FEATURES, classes: int = CLASSES, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draws classes that a linear map can tell apart."""
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    means = generator.normal(size=(classes, features)) * 2
    return (means[labels] + generator.normal(size=(rows, features))).astype(np.float32), labels


def as_dict(x: Any, y: Any, x_val: Any = None, y_val: Any = None) -> dict[str, Any]:
    return {"data_train": x, "labels_train": y, "data_val": x_val, "labels_val": y_val}


def train(head: SoftmaxRegression, x: Any, y: Any, iterations: int = 20) -> None:
    head.train_with_sgd(as_dict(x, y), iterations, 0.1, batch_size=16, print_every=0)


def test_starts_from_scaled_normal_weights_and_zero_biases() -> None:
    head = SoftmaxRegression(400, 50, weight_scale=0.05, seed=1)
    assert head.weights.shape == (400, 50)
    assert head.weights.dtype == head.biases.dtype == np.float32
    assert head.weights.std() == pytest.approx(0.05, rel=0.05)
    assert head.weights.mean() == pytest.approx(0, abs=0.002)
    assert not head.biases.any()


def test_takes_numpy_numbers_and_lists_as_pycoral_scripts_pass_them() -> None:
    x, y = make_data()
    size: list[Any] = [np.int64(FEATURES), np.int32(CLASSES), np.float32(0.05)]
    head = SoftmaxRegression(*size, seed=0)
    data = as_dict(x.tolist(), y.tolist(), x[:9], [int(label) for label in y[:9]])
    options: list[Any] = [np.int64(300), np.float64(0.1), np.int16(50)]
    history = head.train_with_sgd(data, options[0], options[1], options[2], 0)
    assert history[-1].training_accuracy > 0.95
    assert head.get_accuracy(x.tolist(), y.tolist()) == history[-1].training_accuracy


def test_training_agrees_with_gradient_descent_on_the_full_batch() -> None:
    # With one row there is only one batch, so the result is that of plain gradient descent.
    x, y = make_data(rows=1)
    head = SoftmaxRegression(FEATURES, CLASSES, 0.1, reg=0.3, seed=4)
    weights, biases = head.weights.astype(np.float64), head.biases.astype(np.float64)
    for _ in range(25):
        logits = x @ weights + biases
        logit_gradient = np.exp(logits - logits.max())
        logit_gradient /= logit_gradient.sum()
        logit_gradient[0, y[0]] -= 1
        weights -= 0.2 * (x.T @ logit_gradient + 0.3 * weights)
        biases -= 0.2 * logit_gradient[0]
    head.train_with_sgd(as_dict(x, y), 25, 0.2, batch_size=3, print_every=0)
    np.testing.assert_allclose(head.weights, weights, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(head.biases, biases, rtol=1e-4, atol=1e-6)


def test_history_holds_the_start_each_interval_and_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    x, y = make_data()
    head = SoftmaxRegression(FEATURES, CLASSES, reg=0.01, seed=0)
    history = head.train_with_sgd(as_dict(x[:60], y[:60], x[60:], y[60:]), 25, 0.1, 16, 10)
    assert [record.iteration for record in history] == [0, 10, 20, 25]
    assert capsys.readouterr().out.splitlines() == [str(record) for record in history]
    last = history[-1]
    probabilities = head.predict_proba(x[:60])[np.arange(60), y[:60]]
    penalty = 0.005 * float(np.sum(head.weights.astype(np.float64) ** 2))
    assert last.loss == pytest.approx(-np.log(probabilities).mean() + penalty, rel=1e-5)
    assert last.training_accuracy == head.get_accuracy(x[:60], y[:60])
    assert last.validation_accuracy == head.get_accuracy(x[60:], y[60:])
    others = head.predict_proba(x[60:])[np.arange(30), y[60:]]
    assert last.validation_loss == pytest.approx(-np.log(others).mean(), rel=1e-5)


@pytest.mark.parametrize("print_every", [0, -5])
def test_nothing_is_printed_without_print_every(
    capsys: pytest.CaptureFixture[str], print_every: int
) -> None:
    x, y = make_data()
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    history = head.train_with_sgd(as_dict(x, y, [], []), 200, 0.1, print_every=print_every)
    assert capsys.readouterr().out == ""
    assert [record.iteration for record in history] == [0, 200]
    assert history[0].validation_accuracy is None
    assert history[1].loss < history[0].loss


def test_progress_takes_the_place_of_printing(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = make_data()
    seen: list[TrainingRecord] = []
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    history = head.train_with_sgd(as_dict(x, y), 20, 0.1, print_every=5, progress=seen.append)
    assert seen == history
    assert capsys.readouterr().out == ""


def test_progress_sees_the_weights_so_far() -> None:
    x, y = make_data()
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    matches: list[bool] = []
    head.train_with_sgd(
        as_dict(x, y),
        20,
        0.1,
        print_every=5,
        progress=lambda r: matches.append(head.get_accuracy(x, y) == r.training_accuracy),
    )
    assert all(matches)


def test_an_exception_from_progress_stops_and_keeps_the_weights() -> None:
    x, y = make_data()

    def stop_at_10(record: TrainingRecord) -> None:
        if record.iteration == 10:
            raise LookupError("enough")

    stopped = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    with pytest.raises(LookupError, match="enough"):
        stopped.train_with_sgd(as_dict(x, y), 500, 0.1, print_every=5, progress=stop_at_10)
    whole = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    whole.train_with_sgd(as_dict(x, y), 10, 0.1, print_every=0)
    np.testing.assert_array_equal(stopped.weights, whole.weights)
    np.testing.assert_array_equal(stopped.biases, whole.biases)


def test_momentum_and_decay_change_the_steps_as_they_are_defined_to() -> None:
    x, y = make_data(rows=1)  # every batch is this row
    head = SoftmaxRegression(FEATURES, CLASSES, 0.1, reg=0.2, seed=4)
    weights, biases = head.weights.astype(np.float64), head.biases.astype(np.float64)
    velocity, bias_velocity = np.zeros_like(weights), np.zeros_like(biases)
    for iteration in range(25):
        logits = x @ weights + biases
        logit_gradient = np.exp(logits - logits.max())
        logit_gradient /= logit_gradient.sum()
        logit_gradient[0, y[0]] -= 1
        velocity = 0.7 * velocity + x.T @ logit_gradient + 0.2 * weights
        bias_velocity = 0.7 * bias_velocity + logit_gradient[0]
        rate = 0.05 / (1 + 0.1 * iteration)
        weights -= rate * velocity
        biases -= rate * bias_velocity
    head.train_with_sgd(
        as_dict(x, y), 25, 0.05, 3, print_every=0, momentum=0.7, learning_rate_decay=0.1
    )
    np.testing.assert_allclose(head.weights, weights, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(head.biases, biases, rtol=1e-4, atol=1e-6)


def test_without_replacement_a_batch_of_all_rows_is_the_full_gradient() -> None:
    x, y = make_data()
    full, other = (SoftmaxRegression(FEATURES, CLASSES, seed=seed) for seed in (1, 2))
    other.weights = full.weights
    for head in (full, other):
        head.train_with_sgd(
            as_dict(x, y), 30, 0.1, batch_size=len(x), print_every=0, replacement=False
        )
    np.testing.assert_allclose(full.weights, other.weights, rtol=1e-4, atol=1e-6)


def test_patience_stops_and_keeps_the_weights_of_the_lowest_validation_loss() -> None:
    generator = np.random.default_rng(0)  # random labels: nothing learned holds for other rows
    x, y = generator.normal(size=(90, FEATURES)), generator.integers(0, CLASSES, 90)
    data = as_dict(x[:20], y[:20], x[20:], y[20:])
    head = SoftmaxRegression(FEATURES, CLASSES, 2.0, seed=0)
    seen: list[TrainingRecord] = []
    history = head.train_with_sgd(data, 10**6, 0.1, 20, 5, patience=3, progress=seen.append)
    assert seen == history
    losses = [record.validation_loss or 0.0 for record in history]
    assert min(losses) > 0
    best = int(np.argmin(losses))
    assert 0 < best == len(history) - 4
    given = head.predict_proba(x[20:])[np.arange(70), y[20:]]
    assert -np.log(given).mean() == pytest.approx(losses[best], rel=1e-5)


@pytest.mark.slow_when_emulated
def test_patience_works_without_printing(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = make_data()
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    data = as_dict(x[:45], y[:45], x[45:], y[45:])
    history = head.train_with_sgd(data, 10**9, 1.0, print_every=0, patience=2)
    assert [record.iteration for record in history] == [100 * i for i in range(len(history))]
    assert capsys.readouterr().out == ""


def test_training_that_diverges_says_why_and_leaves_the_head_as_it_was() -> None:
    x, y = make_data()
    head = SoftmaxRegression(FEATURES, CLASSES, reg=1.0, seed=0)
    weights = head.weights.copy()
    with pytest.raises(ValueError, match=r"training diverged .* learning_rate 1000.0 is too high"):
        head.train_with_sgd(as_dict(x, y), 1000, 1000.0, print_every=100, progress=lambda _: None)
    np.testing.assert_array_equal(head.weights, weights)
    assert not head.biases.any()


CTRL_C = """
import os, signal, sys, threading
import numpy as np
from coral_learn.heads.softmax_regression import SoftmaxRegression

rows = int(sys.argv[1])
x = np.random.default_rng(0).normal(size=(rows, 512)).astype(np.float32)
head = SoftmaxRegression(512, 64, seed=0)
before = head.weights.copy()
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    head.train_with_sgd(
        {"data_train": x, "labels_train": np.arange(rows) % 64}, 10**9, 0.01, int(sys.argv[2]), 0
    )
except KeyboardInterrupt:
    print(bool((head.weights != before).any()), bool(np.isfinite(head.weights).all()))
"""


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize(("rows", "batch"), [(100, 100), (4000, 10**6)], ids=["small", "huge"])
def test_ctrl_c_stops_at_once_and_keeps_whole_iterations(rows: int, batch: int) -> None:
    result = subprocess.run(
        [sys.executable, "-c", CTRL_C, str(rows), str(batch)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    changed, finite = result.stdout.split()
    # The huge batch would take many seconds, and was not waited for.
    assert (changed, finite) == (str(batch == 100), "True")


@pytest.mark.slow_when_emulated
def test_python_keeps_running_while_another_thread_trains() -> None:
    x, y = make_data(rows=3000, features=256)
    head = SoftmaxRegression(256, CLASSES, seed=0)
    trainer = threading.Thread(target=head.train_with_sgd, args=(as_dict(x, y), 3000, 0.01, 100, 0))
    trainer.start()
    ticks = [time.perf_counter()]
    while trainer.is_alive():
        ticks.append(time.perf_counter())
    assert len(ticks) > 1000
    assert max(after - before for before, after in pairwise(ticks)) < (ticks[-1] - ticks[0]) / 2


def test_predictions_do_not_wait_for_a_training() -> None:
    x, y = make_data()
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    started, done = threading.Event(), threading.Event()

    def hold(_: TrainingRecord) -> None:
        started.set()
        assert done.wait(30)

    trainer = threading.Thread(
        target=head.train_with_sgd, args=(as_dict(x, y), 1, 0.1, 16, 1), kwargs={"progress": hold}
    )
    trainer.start()
    assert started.wait(30)
    assert head.predict(x).shape == (len(x),)
    done.set()
    trainer.join()


def test_trainings_of_one_head_in_many_threads_add_up() -> None:
    x, y = make_data()
    shared = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    threads = [threading.Thread(target=train, args=(shared, x, y, 500)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    for _ in range(4):
        train(alone, x, y, 500)
    np.testing.assert_array_equal(shared.weights, alone.weights)


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    x, y = make_data()
    heads = [SoftmaxRegression(FEATURES, CLASSES, seed=seed) for seed in (7, 7, 8)]
    for head in heads:
        train(head, x, y)
        train(head, x, y)
    np.testing.assert_array_equal(heads[0].weights, heads[1].weights)
    np.testing.assert_array_equal(heads[0].biases, heads[1].biases)
    assert (heads[0].weights != heads[2].weights).any()
    assert [head.seed for head in heads] == [7, 7, 8]


def test_without_a_seed_each_head_is_different() -> None:
    first, second = (SoftmaxRegression(FEATURES, CLASSES) for _ in range(2))
    assert first.seed is None
    assert (first.weights != second.weights).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_quantized_embeddings_train_as_their_real_values_do(dtype: Any) -> None:
    x, y = make_data()
    info = np.iinfo(dtype)
    zero_point = 37
    quantized = np.clip(np.round(x / 0.05) + zero_point, info.min, info.max).astype(dtype)
    embeddings = Embeddings(quantized, 0.05, zero_point)
    heads = [SoftmaxRegression(FEATURES, CLASSES, reg=0.01, seed=3) for _ in range(2)]
    train(heads[0], embeddings, y)
    train(heads[1], np.asarray(embeddings), y)
    np.testing.assert_allclose(heads[0].weights, heads[1].weights, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(
        heads[0].predict_proba(embeddings),
        heads[1].predict_proba(np.asarray(embeddings)),
        rtol=1e-3,
        atol=1e-5,
    )


def variants() -> dict[str, ArrayLike]:
    """Returns the same whole numbers in every form that callers have them in."""
    x = np.arange(4 * FEATURES).reshape(4, FEATURES) % 100
    wide = np.zeros((4, 2 * FEATURES), np.float32)
    wide[:, ::2] = x
    read_only = x.astype(np.float32)
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b"\0" + x.astype(np.float32).tobytes(), np.uint8)[1:].view(np.float32)
    return {
        "strided": wide[:, ::2],
        "reversed": x[::-1].astype(np.float32)[::-1],
        "fortran": np.asfortranarray(x, np.float32),
        "byte-swapped": x.astype(">f4"),
        "read-only": read_only,
        "unaligned": unaligned.reshape(x.shape),
        "object": x.astype(object),
        "float16": x.astype(np.float16),
        "float64": x.astype(np.float64),
        "int8": x.astype(np.int8),
        "uint8": x.astype(np.uint8),
        "uint64": x.astype(np.uint64),
        "big-endian int16": x.astype(">i2"),
        "list": x.tolist(),
        "Embeddings": Embeddings(x.astype(np.uint8)),
        "strided Embeddings": Embeddings(wide.astype(np.uint8)[:, ::2]),
    }


@pytest.mark.parametrize("form", variants())
def test_every_form_of_embeddings_gives_the_same_and_stays_unchanged(form: str) -> None:
    x = variants()[form]
    expected = np.arange(4 * FEATURES, dtype=np.float32).reshape(4, FEATURES) % 100
    before = copy.deepcopy(x)
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    logits = expected @ head.weights
    np.testing.assert_array_equal(head.predict(x), logits.argmax(axis=1))
    train(head, x, [0, 1, 2, 0])
    np.testing.assert_array_equal(np.asarray(x, np.float32), np.asarray(before, np.float32))


@pytest.mark.parametrize("dtype", ["u1", "i1", "<i2", ">i4", "i8", "u8", object])
def test_labels_may_be_any_integers(dtype: Any) -> None:
    x, y = make_data()
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    twice = np.repeat(y, 2).astype(dtype)
    assert head.get_accuracy(x, twice[::2]) == np.mean(head.predict(x) == y)


def test_probabilities_stay_finite_and_sum_to_one_for_distant_logits() -> None:
    head = SoftmaxRegression(1, CLASSES, seed=0)
    head.weights = [[0, 1e4, -1e4]]
    probabilities = head.predict_proba([[1.0], [-1.0], [0.0]])
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(probabilities[:2], [[0, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(probabilities[2], 1 / 3, rtol=1e-6)
    history = head.train_with_sgd(as_dict([[1.0]], [0]), 1, 1e-4, print_every=0)
    assert history[0].loss == pytest.approx(1e4)
    assert np.isfinite(head.weights).all()


def test_no_rows_give_no_predictions() -> None:
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    nothing = np.empty((0, FEATURES), np.float32)
    assert head.predict(nothing).shape == (0,)
    assert head.predict(nothing).dtype == np.int64
    assert head.predict_proba(nothing).shape == (0, CLASSES)


def test_weights_and_biases_can_be_set_and_edited_in_place() -> None:
    head = SoftmaxRegression(2, 2, seed=0)
    head.weights = np.array([[1, -1], [0, 0]], np.float64)
    np.testing.assert_array_equal(head.predict([[1, 0], [-1, 0]]), [0, 1])
    weights, biases = head.weights, head.biases
    weights[0] = [-1, 1]
    np.testing.assert_array_equal(head.predict([[1, 0], [-1, 0]]), [1, 0])
    biases[:] = [9, 0]
    np.testing.assert_array_equal(head.predict([[1, 0], [-1, 0]]), [0, 0])
    train(head, [[1.0, 0.0]], [1])
    np.testing.assert_array_equal(weights, head.weights)


def test_save_and_load_keep_everything(tmp_path: Path) -> None:
    x, y = make_data()
    head = SoftmaxRegression(FEATURES, CLASSES, 0.02, reg=0.25, seed=2**40)
    train(head, Embeddings((x * 10 + 100).astype(np.uint8), 0.1, 100), y)
    head.labels = ["daisy", "läuft", "东"]
    head.save(tmp_path / "head")
    loaded = SoftmaxRegression.load(tmp_path / "head")
    np.testing.assert_array_equal(loaded.weights, head.weights)
    np.testing.assert_array_equal(loaded.biases, head.biases)
    assert loaded.labels == head.labels
    assert (loaded.reg, loaded.seed, loaded.weight_scale) == (0.25, 2**40, 0.02)
    assert (loaded.feature_dim, loaded.num_classes) == (FEATURES, CLASSES)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "head").read_bytes()


def test_an_untrained_head_can_be_saved(tmp_path: Path) -> None:
    head = SoftmaxRegression(FEATURES, CLASSES)
    head.save(tmp_path / "head.npz")
    loaded = SoftmaxRegression.load(tmp_path / "head.npz")
    np.testing.assert_array_equal(loaded.weights, head.weights)
    assert loaded.labels is None
    assert loaded.seed is None


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken", "npy", "npz", "cut"])
def test_loading_another_file_names_it(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "wrong.npz"
    if content == "npy":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    elif content == "npz":
        np.savez(path, version=1, weights=np.ones(3))
    elif content == "cut":
        SoftmaxRegression(FEATURES, CLASSES).save(path)
        path.write_bytes(path.read_bytes()[:-30])
    else:
        assert isinstance(content, bytes)
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"wrong\.npz is not a saved head"):
        SoftmaxRegression.load(path)


def test_loading_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SoftmaxRegression.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_are_independent_and_train_the_same(duplicate: Any) -> None:
    x, y = make_data()
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    train(head, x, y)
    twin = duplicate(head)
    train(head, x, y)
    assert (twin.weights != head.weights).any()
    train(twin, x, y)
    np.testing.assert_array_equal(twin.weights, head.weights)


def test_serializing_needs_a_model_file() -> None:
    head = SoftmaxRegression(FEATURES, CLASSES)
    with pytest.raises(ModelError, match=r"Failed to open file: nowhere\.tflite"):
        head.serialize_model("nowhere.tflite")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "feature_dim and num_classes must be given"),
        ({"feature_dim": 3}, "feature_dim and num_classes must be given"),
        ({"feature_dim": 0, "num_classes": 2}, "feature_dim must be at least 1, not 0"),
        ({"feature_dim": 3, "num_classes": -2}, "num_classes must be at least 1, not -2"),
        ({"feature_dim": 3.5, "num_classes": 2}, r"feature_dim must be an integer, not 3\.5"),
        ({"feature_dim": "3", "num_classes": 2}, "feature_dim must be an integer, not '3'"),
        ({"weight_scale": -1}, "weight_scale must be finite and at least 0"),
        ({"weight_scale": np.nan}, "weight_scale must be finite and at least 0"),
        ({"reg": np.inf}, "reg must be finite and at least 0"),
        ({"reg": "much"}, "reg must be a number, not 'much'"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": 2**63}, r"seed must be less than 2\^63"),
    ],
)
def test_invalid_arguments_of_a_head(arguments: dict[str, Any], message: str) -> None:
    if set(arguments) & {"weight_scale", "reg", "seed"}:
        arguments = {"feature_dim": 3, "num_classes": 2, **arguments}
    with pytest.raises(ValueError, match=message):
        SoftmaxRegression(**arguments)


def with_value(x: NDArray[Any], value: float) -> NDArray[Any]:
    changed = x.copy()
    changed[7, 5] = value
    return changed


X, Y = make_data()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:, :-1], Y, "data_train must have 12 features per row, not 11"),
        (X[0], Y[:1], "data_train must be a matrix"),
        (X[:, None], Y, "data_train must be a matrix"),
        (3, Y, "data_train must be a matrix"),
        (X.astype(complex), Y, "data_train must be numbers, not complex128"),
        (X.astype(str), Y, "data_train must be numbers, not <U"),
        ([["a"] * FEATURES], [0], "data_train must be numbers"),
        ([[None] * FEATURES], [0], "data_train must be numbers|row 0 holds NaN"),
        (with_value(X, np.nan), Y, "row 7 holds NaN or infinity"),
        (with_value(X, -np.inf), Y, "row 7 holds NaN or infinity"),
        (with_value(X.astype(np.float64), 1e39), Y, "row 7 holds NaN or infinity"),
        ([], [], "data_train must hold at least one embedding"),
        (None, None, "data_train must hold at least one embedding"),
        (X, None, "data has data_train but no labels_train"),
        (X, Y[:-1], r"labels_train must hold one label for each of the 90 embeddings"),
        (X, Y[:, None], r"not have shape \[90, 1\]"),
        (X, [], "labels_train must hold one label for each of the 90 embeddings"),
        (X, Y + 1, r"labels_train must be in \[0, 3\), not 3 \(row 2\)"),
        (X, Y - 1, r"labels_train must be in \[0, 3\), not -1 \(row 0\)"),
        (
            X,
            Y.astype(np.uint64) + np.uint64(2**63),
            r"must be in \[0, 3\), not 9223372036854775808",
        ),
        (X, [2**70] * len(X), "labels_train must be 64-bit integers"),
        (X, Y.astype(float), "labels_train must be integers, not float64"),
        (X, ["daisy"] * len(X), "labels_train must be integers, not <U5"),
    ],
)
def test_invalid_training_data(x: Any, y: Any, message: str) -> None:
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    before = head.weights.copy()
    with pytest.raises(ValueError, match=message):
        train(head, x, y)
    np.testing.assert_array_equal(head.weights, before)


def test_invalid_validation_data() -> None:
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    with pytest.raises(ValueError, match=r"labels_val must be in .*, not -1 \(row 1\)"):
        head.train_with_sgd(as_dict(X, Y, X[:2], [0, -1]), 1, 0.1)
    with pytest.raises(ValueError, match="row 7 holds NaN"):
        head.train_with_sgd(as_dict(X, Y, with_value(X, np.nan), Y), 1, 0.1)
    with pytest.raises(ValueError, match="data must be a dict, not list"):
        head.train_with_sgd([X, Y], 1, 0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="patience must be at least 1, not 0"):
        head.train_with_sgd(as_dict(X, Y, X, Y), 1, 0.1, patience=0)


def test_a_validation_label_that_is_no_class_counts_as_wrong() -> None:
    """As in pycoral, where a random split of few photos can leave out the last class."""

    def last_record(x: np.ndarray, y: list[int]) -> TrainingRecord:
        head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
        return head.train_with_sgd(as_dict(X, Y, x, y), 100, 0.1, print_every=0)[-1]

    known = last_record(X[:4], [*Y[:4]])
    assert known.validation_accuracy is not None
    with pytest.warns(UserWarning, match=r"labels_val has 2 of 6 labels .* \[0, 3\)"):
        both = last_record(X[:6], [*Y[:4], CLASSES, CLASSES + 6])
    assert both.validation_accuracy == pytest.approx(known.validation_accuracy * 4 / 6)
    assert both.validation_loss == known.validation_loss
    assert both.loss == known.loss
    with pytest.warns(UserWarning, match="2 of 2"):
        none = last_record(X[:2], [9, 9])
    assert (none.validation_accuracy, none.validation_loss) == (0, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_iter": -1}, "num_iter must be at least 0, not -1"),
        ({"num_iter": 1.5}, r"num_iter must be an integer, not 1\.5"),
        ({"num_iter": 2**64}, r"num_iter must be less than 2\^63"),
        ({"learning_rate": -0.1}, "learning_rate must be finite and at least 0"),
        ({"learning_rate": np.nan}, "learning_rate must be finite and at least 0"),
        ({"learning_rate": None}, "learning_rate must be a number, not None"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"momentum": 1}, "momentum must be less than 1, not 1"),
        ({"momentum": -0.1}, "momentum must be finite and at least 0"),
        ({"learning_rate_decay": -1}, "learning_rate_decay must be finite and at least 0"),
        ({"patience": 5}, "patience needs data_val"),
        ({"print_every": None}, "print_every must be an integer, not None"),
    ],
)
def test_invalid_training_options(options: dict[str, Any], message: str) -> None:
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    with pytest.raises(ValueError, match=message):
        head.train_with_sgd(as_dict(X, Y), **{"num_iter": 1, "learning_rate": 0.1, **options})


def test_invalid_arguments_of_predictions() -> None:
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    with pytest.raises(ValueError, match="embeddings must have 12 features per row, not 5"):
        head.predict(np.ones((2, 5)))
    with pytest.raises(ValueError, match="row 7 holds NaN or infinity"):
        head.predict(with_value(X, np.nan))
    with pytest.raises(ValueError, match="row 7 holds NaN or infinity"):
        head.predict_proba(with_value(X, np.inf))
    with pytest.raises(ValueError, match="row 7 holds NaN or infinity"):
        head.get_accuracy(with_value(X, np.inf), Y)
    with pytest.raises(ValueError, match=r"labels must be in \[0, 3\), not 3"):
        head.get_accuracy(X, Y + 1)
    with pytest.raises(ValueError, match="mat_x must hold at least one embedding"):
        head.get_accuracy(X[:0], Y[:0])


def test_invalid_values_of_properties() -> None:
    head = SoftmaxRegression(2, 3, seed=0)
    with pytest.raises(ValueError, match=r"weights must have shape \[2, 3\], not \[3, 2\]"):
        head.weights = np.ones((3, 2))
    with pytest.raises(ValueError, match="weights must be finite float32 numbers"):
        head.weights = np.full((2, 3), 1e39)
    with pytest.raises(ValueError, match="biases must be finite float32 numbers"):
        head.biases = [0, np.nan, 0]
    with pytest.raises(ValueError, match="biases must be numbers"):
        head.biases = ["x"] * 3
    with pytest.raises(ValueError, match="labels must be 3 strings"):
        head.labels = ["a", "b"]
    with pytest.raises(ValueError, match="labels must be 3 strings"):
        head.labels = ["a", "b", 3]  # type: ignore[list-item]
    with pytest.raises(ValueError, match="reg must be finite and at least 0"):
        head.reg = -1


@pytest.mark.slow_when_emulated
def test_imports_neither_an_interpreter_nor_pillow() -> None:
    code = (
        "import sys, coral_learn.heads.softmax_regression\n"
        "print([m for m in sys.modules if m.split('.')[0] in "
        "('PIL', 'ai_edge_litert', 'tflite_runtime', 'flatbuffers')])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.slow_when_emulated
@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs POSIX signals")
def test_a_signal_handler_runs_and_training_continues() -> None:
    x, y = make_data(rows=3000, features=256)
    head = SoftmaxRegression(256, CLASSES, seed=0)
    seen: list[int] = []
    previous = signal.signal(signal.SIGALRM, lambda number, _: seen.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        history = head.train_with_sgd(as_dict(x, y), 3000, 0.01, print_every=0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert seen == [signal.SIGALRM]
    assert history[-1].iteration == 3000
