"""The compiled core against NumPy, for every instruction set and number of threads."""

import multiprocessing
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coral_learn import _core, machine
from coral_learn.embeddings import Embeddings
from coral_learn.heads.core import num_threads
from coral_learn.heads.softmax_regression import SoftmaxRegression

RUNNABLE = _core.build_info()["runnable_instruction_sets"]


@st.composite
def problems(draw: st.DrawFn) -> tuple[Embeddings, SoftmaxRegression]:
    """Draws embeddings of some type and shape, and a head for them."""
    rows = draw(st.integers(1, 70))
    features = draw(st.integers(1, 150))
    classes = draw(st.integers(1, 40))
    seed = draw(st.integers(0, 2**32))
    generator = np.random.default_rng(seed)
    head = SoftmaxRegression(features, classes, weight_scale=0.3, seed=seed)
    head.biases = generator.normal(size=classes)
    dtype: Any = draw(st.sampled_from([np.float32, np.uint8, np.int8]))
    if dtype == np.float32:
        return Embeddings(generator.normal(size=(rows, features)).astype(np.float32)), head
    info = np.iinfo(dtype)
    stored = generator.integers(info.min, info.max, (rows, features), dtype, endpoint=True)
    return Embeddings(stored, 0.01, draw(st.integers(info.min, info.max))), head


def reference_logits(head: SoftmaxRegression, x: Embeddings) -> NDArray[np.float64]:
    return np.asarray(x).astype(np.float64) @ head.weights.astype(np.float64) + head.biases


@given(problems())
def test_predictions_agree_with_numpy(problem: tuple[Embeddings, SoftmaxRegression]) -> None:
    x, head = problem
    logits = reference_logits(head, x)
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(head.predict_proba(x), expected, rtol=1e-3, atol=1e-5)
    predicted = head.predict(x)
    chosen = np.take_along_axis(logits, predicted[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(chosen, logits.max(axis=1), rtol=1e-4, atol=1e-4)
    labels = np.arange(len(x)) % head.num_classes
    assert head.get_accuracy(x, labels) == np.mean(predicted == labels)


@given(problems(), st.floats(0, 1))
def test_a_step_agrees_with_numpy(
    problem: tuple[Embeddings, SoftmaxRegression], reg: float
) -> None:
    x, head = problem
    x = x[:1]  # every batch is this row, again and again
    weights, biases = head.weights.astype(np.float64), head.biases.astype(np.float64)
    label = head.num_classes // 2
    logits = reference_logits(head, x)[0]
    logit_gradients = np.exp(logits - logits.max())
    logit_gradients /= logit_gradients.sum()
    logit_gradients[label] -= 1
    weights -= 0.1 * (np.asarray(x).T.astype(np.float64) * logit_gradients + reg * weights)
    biases -= 0.1 * logit_gradients
    head.reg = reg
    data = {"data_train": x, "labels_train": [label]}
    head.train_with_sgd(data, 1, 0.1, batch_size=7, print_every=0)
    np.testing.assert_allclose(head.weights, weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(head.biases, biases, rtol=1e-4, atol=1e-5)


def train_and_predict(threads: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    generator = np.random.default_rng(0)
    x = Embeddings(generator.integers(0, 256, (600, 700), np.uint8), 0.02, 30)
    labels = generator.integers(0, 130, 600)
    os.environ["CORAL_LEARN_NUM_THREADS"] = threads
    head = SoftmaxRegression(700, 130, seed=0)
    data = {"data_train": x, "labels_train": labels}
    head.train_with_sgd(data, 5, 0.1, batch_size=200, print_every=0)
    return head.weights, head.biases, head.predict_proba(x)


@pytest.fixture
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restores the variable that the test sets."""
    monkeypatch.setenv("CORAL_LEARN_NUM_THREADS", "1")


@pytest.mark.usefixtures("_keep_environment")
def test_results_do_not_depend_on_the_number_of_threads() -> None:
    one = train_and_predict("1")
    for threads in ("2", "5"):
        for got, expected in zip(train_and_predict(threads), one, strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_an_invalid_number_of_threads_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CORAL_LEARN_NUM_THREADS", value)
    with pytest.raises(ValueError, match=f"CORAL_LEARN_NUM_THREADS .* not {value}"):
        SoftmaxRegression(2, 2).predict(np.ones((1, 2)))


@pytest.mark.slow_when_emulated
@pytest.mark.usefixtures("_keep_environment")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_trains_as_its_parent_does() -> None:
    expected = train_and_predict("2")  # the parent's threads are running now
    with warnings.catch_warnings():  # Python 3.12 warns of forking with threads: that is the test
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            got = pool.apply_async(train_and_predict, ("2",)).get(timeout=60)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


TRAIN = """
import sys
import numpy as np
from coral_learn import _core
from coral_learn.embeddings import Embeddings
from coral_learn.heads.softmax_regression import SoftmaxRegression

generator = np.random.default_rng(0)
x = Embeddings(generator.integers(0, 256, (300, 77), np.uint8), 0.02, 30)
head = SoftmaxRegression(77, 9, seed=0)
head.train_with_sgd({"data_train": x, "labels_train": np.arange(300) % 9}, 50, 0.001, 64, 0)
np.savez(sys.argv[1], weights=head.weights, p=head.predict_proba(x), used=_core.build_info()[
    "instruction_set"])
"""


def test_every_instruction_set_gives_the_same_results(tmp_path: Path) -> None:
    results = []
    for name in RUNNABLE:
        path = tmp_path / f"{name}.npz"
        subprocess.run(
            [sys.executable, "-c", TRAIN, str(path)],
            env={**os.environ, "CORAL_LEARN_INSTRUCTION_SET": name},
            check=True,
        )
        with np.load(path) as result:
            assert result["used"] == name
            results.append((result["weights"], result["p"]))
    for weights, probabilities in results:
        np.testing.assert_allclose(weights, results[-1][0], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(probabilities, results[-1][1], rtol=1e-3, atol=1e-5)


def test_an_instruction_set_that_cannot_be_run_is_refused_by_name() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "import coral_learn._core"],
        env={**os.environ, "CORAL_LEARN_INSTRUCTION_SET": "avx9000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "instruction set avx9000 is not one of those" in result.stderr
    assert RUNNABLE[-1] in result.stderr


def test_build_info_names_what_is_in_use() -> None:
    info = _core.build_info()
    assert info["instruction_set"] == os.environ.get("CORAL_LEARN_INSTRUCTION_SET", RUNNABLE[0])
    assert info["compiler"]


F32 = np.ones((2, 3), np.float32)
BIASES = np.zeros(2, np.float32)
LABELS = np.zeros(2, np.int32)


@pytest.mark.parametrize(
    "values",
    [F32.astype(np.float64), F32.astype(np.int32), F32[0], F32[:, ::2], F32.astype(">f4")],
    ids=["float64", "int32", "vector", "strided", "byte-swapped"],
)
def test_the_core_refuses_embeddings_of_another_layout(values: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="embeddings must be"):
        _core.StoredEmbeddings(values)


@pytest.mark.parametrize(
    ("weights", "biases", "labels", "message"),
    [
        (F32, np.zeros(3, np.float32), LABELS, r"weights must be \[C, D\] and biases \[C\]"),
        (F32[:, :2].copy(), BIASES, LABELS, "differ in features"),
        (F32, BIASES, LABELS[:1], "one label for each"),
        (F32, BIASES, LABELS - 1, r"labels must be in \[0, C\)"),
        (F32, BIASES, LABELS + 2, r"labels must be in \[0, C\)"),
    ],
)
def test_the_core_checks_shapes_and_labels_again(
    weights: NDArray[Any], biases: NDArray[Any], labels: NDArray[Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _core.accuracy(_core.Head(weights, biases), _core.StoredEmbeddings(F32), labels, threads=1)


@pytest.mark.parametrize(
    ("weights", "biases"), [(F32.T.copy(), BIASES), (F32, np.zeros(3, np.float32))]
)
def test_the_core_writes_a_head_only_to_arrays_of_its_shape(
    weights: NDArray[np.float32], biases: NDArray[np.float32]
) -> None:
    with pytest.raises(ValueError, match="must have the shape of the head"):
        _core.Head(F32, BIASES).copy_to(weights, biases)


def test_the_core_fits_only_heads_of_the_same_shape() -> None:
    rows = np.arange(2, dtype=np.uint32)
    embeddings = _core.StoredEmbeddings(F32)
    signs = np.ones((F32.shape[1], 2), np.float32)
    mean, sketch = np.zeros(F32.shape[1]), np.zeros(signs.shape)
    variation = _core.Variation(mean, 1, sketch, mean, 0, signs)
    part = _core.RowSums(2, embeddings, LABELS, rows, None, threads=1)
    fit = _core.HeadFit(2, variation, [part])
    with pytest.raises(TypeError, match="incompatible constructor arguments"):
        _core.HeadFit(2, None, [part])  # type: ignore[call-overload]
    other = _core.Head(F32[:, :2].copy(), BIASES)
    with pytest.raises(ValueError, match="differs in classes or features"):
        fit.run(other, l2_penalty=1, tolerance=1e-3, max_iterations=1, on_report=print)


def test_a_head_of_the_core_is_a_copy() -> None:
    weights, biases = F32.copy(), BIASES.copy()
    head = _core.Head(weights, biases)
    weights[0, 0] = np.nan
    assert head.is_finite()
    assert not _core.Head(weights, biases).is_finite()
    head.copy().copy_to(weights, biases)
    np.testing.assert_array_equal(weights, F32)


def test_the_core_converts_no_array() -> None:
    with pytest.raises(TypeError):
        _core.Head(F32.astype(np.float64), BIASES)


def test_the_core_needs_at_least_one_thread() -> None:
    with pytest.raises(ValueError, match="threads must be at least 1"):
        _core.accuracy(_core.Head(F32, BIASES), _core.StoredEmbeddings(F32), LABELS, threads=0)


def test_a_container_quota_limits_the_threads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CORAL_LEARN_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(machine, "_CONTAINER_QUOTA", quota)
    quota.write_text("300000 100000\n")
    assert num_threads() == 3
    monkeypatch.setattr(machine, "_CONTAINER_QUOTA", tmp_path / "missing")
    assert num_threads() == 8
    monkeypatch.setenv("CORAL_LEARN_NUM_THREADS", "20")
    assert num_threads() == 20


def test_without_the_compiled_core_the_error_says_to_build_it() -> None:
    code = (
        "import sys\n"
        "sys.modules['coral_learn._core'] = None  # as if it were missing\n"
        "from coral_learn import SoftmaxRegression\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    cause, error = result.stderr.split("direct cause of the following exception")
    assert "ModuleNotFoundError: import of coral_learn._core halted" in cause
    assert "did you forget to build? Run `pip install .`" in error
