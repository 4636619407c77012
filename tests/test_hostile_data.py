"""Invalid arguments of every public function: a correct result, or an error that names them."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from tests.support.model_builder import build_classifier, build_extractor

from coral_learn import (
    EmbeddingExtractor,
    Embeddings,
    ImageFolder,
    ImprintingEngine,
    SoftmaxRegression,
    create_imprinting_model,
)
from coral_learn.heads.inputs import as_labels
from coral_learn.jobs.classification import Classifier
from coral_learn.labels import label_list, parse_labels

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

FEATURES, CLASSES, ROWS = 6, 3, 30
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(ROWS, FEATURES)).astype(np.float32)
Y = np.arange(ROWS) % CLASSES

Reader = Callable[[Any, Any], object]


def new_head() -> SoftmaxRegression:
    return SoftmaxRegression(FEATURES, CLASSES, seed=0)


def train(x: Any, y: Any, **options: Any) -> SoftmaxRegression:
    head = new_head()
    settings = {"num_iter": 5, "learning_rate": 0.1, "print_every": 0, **options}
    head.train_with_sgd({"data_train": x, "labels_train": y}, **settings)
    return head


def imprint(x: Any, y: Any) -> ImprintingEngine:
    extractor = build_extractor("float32", FEATURES).content
    engine = ImprintingEngine(create_imprinting_model(extractor))
    engine.train_all(x, y)
    return engine


READERS: dict[str, Reader] = {
    "train_with_sgd": train,
    "train_with_sgd, validation": lambda x, y: new_head().train_with_sgd(
        {"data_train": X, "labels_train": Y, "data_val": x, "labels_val": y}, 1, 0.1, print_every=0
    ),
    "fit": lambda x, y: new_head().fit(x, y),
    "fit, validation": lambda x, y: new_head().fit(X, Y, validation=(x, y)),
    "get_accuracy": lambda x, y: new_head().get_accuracy(x, y),
    "ImprintingEngine.train_all": imprint,
}
"""Every function that reads embeddings with their labels."""

WITHOUT_LABELS: dict[str, Callable[[Any], object]] = {
    "predict": lambda x: new_head().predict(x),
    "predict_proba": lambda x: new_head().predict_proba(x),
    "ImprintingEngine.predict": lambda x: imprint(X, Y).predict(x),
}
"""Every function that reads embeddings without labels."""

every_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)
every_reader_of_embeddings = pytest.mark.parametrize(
    "read",
    [*(lambda x, read=read: read(x, Y) for read in READERS.values()), *WITHOUT_LABELS.values()],
    ids=[*READERS, *WITHOUT_LABELS],
)


def error_of(read: Reader, x: Any, y: Any) -> str | None:
    """Returns the text of the error, or None if there is a result."""
    try:
        read(x, y)
    except (ValueError, RuntimeError) as error:  # RuntimeError for class ids, as in pycoral
        return str(error)
    return None


def with_value(value: float) -> NDArray[np.float32]:
    changed = X.copy()
    changed[7, 5] = value
    return changed


@every_reader_of_embeddings
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (with_value(np.nan), "finite"),
        (with_value(np.inf), "finite"),
        (with_value(-np.inf), "finite"),
        (X.astype(np.longdouble) * np.longdouble("1e300"), "finite"),
        (X[:, :0], f"must have {FEATURES} features per row, not 0"),
        (X[:, :-1], f"must have {FEATURES} features per row, not 5"),
        (X[0], "must be a matrix"),
        (np.float32(1), "must be a matrix"),
        (X.astype("M8[s]"), "must be numbers, not datetime64"),
        (np.zeros((ROWS, FEATURES), [("a", "f4")]), "must be numbers, not .*'a'"),
        (np.ma.masked_array(X, X > 0), "must not be a masked array: fill it"),
        ([[1.0] * FEATURES, [1.0]], "must be an array: .*inhomogeneous"),
        (np.full((ROWS, FEATURES), 10**400, object), "must be numbers: int too large"),
        (np.full((ROWS, FEATURES), "a", object), "must be numbers"),
        (np.broadcast_to(np.float64(0), (2**31, FEATURES - 1)), "features per row, not 5"),
        (np.broadcast_to(np.float64(0), (2**31,)), "must be a matrix"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_invalid_embeddings_are_refused(
    read: Callable[[Any], object], x: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read(x)


@every_reader
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y.astype(float), "must be integers, not float64"),
        (Y > 0, "must be integers, not bool"),
        (Y.astype(str), "must be integers, not <U"),
        (Y.astype("M8[s]"), "must be integers"),
        (-1 - Y, r"must be in \[0, .*not -1 \(row 0\)"),
        (Y.astype(np.uint64) + np.uint64(2**63), r"must be in \[0, "),
        (Y + 2**31, r"must be in \[0, "),
        ([2**70] * ROWS, "must be 64-bit integers"),
        (Y[:-1], f"one label for each of the {ROWS} embeddings"),
        (Y[:, None], r"not have shape \[30, 1\]"),
        (np.broadcast_to(np.int8(0), (2**31,)), r"not have shape \[2147483648\]"),
        (np.ma.masked_array(Y, Y > 0), "must not be a masked array"),
        ([[0], [0, 1]] * (ROWS // 2), "must be an array: .*inhomogeneous"),
        (np.zeros(ROWS, [("a", "i4")]), "must be integers"),
        ([None] * ROWS, "must be integers, not object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_invalid_labels_are_refused(read: Reader, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(X, y)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.dtype(">u2"), object])
def test_labels_may_have_any_integer_type(dtype: Any) -> None:
    plain = train(X, Y).weights
    np.testing.assert_array_equal(train(X, Y.astype(dtype)).weights, plain)
    np.testing.assert_array_equal(train(X, Y[::-1].astype(dtype)[::-1]).weights, plain)


@every_reader_of_embeddings
def test_memory_maps_are_read_like_arrays(read: Callable[[Any], object], tmp_path: Path) -> None:
    X.tofile(tmp_path / "x")
    mapped = np.memmap(tmp_path / "x", np.float32, "r", shape=X.shape)
    read(mapped)
    np.testing.assert_array_equal(mapped, X)


def test_matrices_of_more_than_2_to_the_31_elements_are_read(tmp_path: Path) -> None:
    rows, features = 2**21 + 1, 1024
    with (tmp_path / "x").open("wb") as file:
        file.truncate(rows * features)  # all zeros, and no space on the disk
    mapped = np.memmap(tmp_path / "x", np.uint8, "r+", shape=(rows, features))
    mapped[-1] = 1
    head = SoftmaxRegression(features, 2, weight_scale=0, seed=0)
    head.weights, head.biases = np.tile([0.0, 1.0], (features, 1)), [1.0, 0.0]
    answers = head.predict(mapped)
    assert answers[-1] == 1
    assert not answers[:-1].any()


@pytest.mark.parametrize("size", [1e-45, 1e-40, 1e-38, 1e-30, 1e-15, 1e15, 1e25, 1e37])
@pytest.mark.parametrize("options", [{}, {"penalty": 1.0}, {"class_weight": "balanced"}], ids=str)
def test_fit_stays_finite_for_embeddings_of_any_size(size: float, options: dict[str, Any]) -> None:
    head = new_head()
    if size < 1e-32:  # float32 cannot hold the weights that would tell the classes apart
        with pytest.raises(ValueError, match="too little for float32 weights"):
            head.fit(X * np.float32(size), Y, **options)
        assert np.isfinite(head.weights).all()
        return
    head.fit(X * np.float32(size), Y, **options)
    assert np.isfinite(head.weights).all()
    assert np.isfinite(head.biases).all()
    assert np.isfinite(head.predict_proba(X * np.float32(size))).all()


@given(
    x=npst.arrays(np.float32, (5, FEATURES), elements=st.floats(width=32)),
    y=npst.arrays(np.int64, 5, elements=st.integers(0, CLASSES - 1)),
    read=st.sampled_from(list(READERS.values())),
)
def test_any_floats_give_a_result_or_a_value_error(
    x: NDArray[np.float32], y: NDArray[np.int64], read: Reader
) -> None:
    error = error_of(read, x, y)
    if error is None:
        assert np.isfinite(x).all()
    else:
        assert re.search("finite|diverged|class index|too little for float32", error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"feature_dim": 2**40}, "1099511627776 features and 3 classes are more than a .tflite"),
        ({"num_classes": 2**62}, "are more than a .tflite file can hold"),
        ({"weight_scale": 1e39}, r"weight_scale must be at most 3\.4e\+38, not 1e\+39"),
        ({"weight_scale": 3e38}, r"weight_scale 3e\+38 is too large"),
        ({"reg": 10**400}, "reg must be finite"),
        ({"reg": 1e39}, r"reg must be at most 3\.4e\+38"),
    ],
)
def test_impossible_heads_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SoftmaxRegression(**{"feature_dim": FEATURES, "num_classes": CLASSES, **arguments})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 2**40}, r"batch_size must be less than 2\^31"),
        ({"learning_rate": 1e39}, "learning_rate must be at most"),
        ({"learning_rate_decay": 1e300}, "learning_rate_decay must be at most"),
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(X, Y, **options)


@pytest.mark.parametrize("validation", [X, 5, (X, Y, Y), (X,), "xy "])
def test_validation_must_be_a_pair(validation: Any) -> None:
    with pytest.raises(ValueError, match="validation must be a pair: embeddings and labels"):
        new_head().fit(X, Y, validation=validation)


def test_weights_set_to_nan_in_place_are_refused() -> None:
    head = new_head()
    head.weights[0, 0] = np.nan
    uses: list[Callable[[], object]] = [
        lambda: head.predict(X),
        lambda: head.predict_proba(X),
        lambda: head.get_accuracy(X, Y),
        lambda: head.serialize_model(build_extractor("uint8", FEATURES).content),
        lambda: head.train_with_sgd({"data_train": X, "labels_train": Y}, 1, 0.1, print_every=0),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="the weights or biases of this head hold NaN"):
            use()
    head.fit(X, Y)  # starts from new weights
    assert np.isfinite(head.weights).all()


@contextmanager
def changed_by_another_thread(x: NDArray[Any], y: NDArray[Any]) -> Iterator[None]:
    """Overwrites rows and labels with invalid values and restores them, again and again."""
    real_x, real_y = x.copy(), y.copy()
    done = threading.Event()

    def change() -> None:
        generator = np.random.default_rng(1)
        while not done.is_set():
            row = generator.integers(len(x))
            x[row] = generator.choice([np.nan, np.inf, -3e38, 3e38, 0])
            y[row] = generator.choice([-5, 10**9, 0])
            x[row], y[row] = real_x[row], real_y[row]

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@every_reader
@pytest.mark.filterwarnings("ignore:labels_val has:UserWarning")  # if a label was 10**9 just then
def test_data_changed_while_it_is_read_gives_a_result_or_an_error(read: Reader) -> None:
    x, y = np.tile(X, (100, 1)), np.tile(Y, 100)
    with changed_by_another_thread(x, y):
        errors = {error_of(read, x, y) for _ in range(10)} - {None}
    for error in errors:
        assert re.search("finite|must be in|diverged|class index", str(error))


def test_labels_are_checked_while_they_are_copied() -> None:
    x, y = np.tile(X, (10_000, 1)), np.tile(Y, 10_000)
    with changed_by_another_thread(x, y):
        for _ in range(100):
            with suppress(ValueError):
                taken = as_labels(y, len(y), CLASSES, "labels")
                assert 0 <= taken.min() <= taken.max() < CLASSES


def test_data_changed_while_training_leaves_finite_weights() -> None:
    x, y = np.tile(X, (100, 1)), np.tile(Y, 100)
    with changed_by_another_thread(x, y):
        for _ in range(20):
            head = new_head()
            with suppress(ValueError):
                head.train_with_sgd({"data_train": x, "labels_train": y}, 300, 0.1, print_every=0)
            head.predict(X)  # raises an error if weights are not finite


def test_embeddings_that_become_nan_while_training_leave_the_head_unchanged() -> None:
    x = X.copy()
    head = new_head()
    before = head.weights.copy()

    def spoil(_: object) -> None:
        x[...] = np.nan

    with pytest.raises(ValueError, match=r"finite|diverged"):
        head.train_with_sgd(
            {"data_train": x, "labels_train": Y}, 50, 0.1, print_every=10, progress=spoil
        )
    np.testing.assert_array_equal(head.weights, before)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.ones((2, 2), np.uint8), 1e39), ValueError, "scale must be positive and at most 1e"),
        ((np.ones((2, 2), ">f4"),), ValueError, "not >f4 of shape"),
        ((np.ma.masked_array(np.ones((2, 2), "f4"), True),), ValueError, "masked array"),
        ((np.zeros((2, 2), [("a", "u1")]),), ValueError, r"not \[\('a', 'u1'\)\]"),
    ],
)
def test_embeddings_of_invalid_arrays_are_refused(
    arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Embeddings(*arguments)


def test_the_largest_scale_is_still_finite() -> None:
    largest = Embeddings(np.array([[255, 0]], np.uint8), 1e36, 128)
    assert np.isfinite(np.asarray(largest)).all()
    assert np.isfinite(SoftmaxRegression(2, 2, seed=0).predict_proba(largest)).all()


def test_only_embeddings_are_concatenated() -> None:
    with pytest.raises(TypeError, match="only Embeddings"):
        Embeddings.concatenate([None])  # type: ignore[list-item]


def test_either_all_photos_of_a_call_are_imprinted_or_none() -> None:
    engine = imprint(X[:2], [0, 1])
    before = engine.serialize_model()
    for labels in ([0, 1, 4], [2, 3, 5]):
        with pytest.raises(RuntimeError, match="too large"):
            engine.train_all(X[:3], labels)
    assert engine.serialize_model() == before


@pytest.mark.parametrize("class_id", [0.0, "0", None, [0], 2**70, -1])
def test_invalid_class_ids_are_refused(class_id: Any) -> None:
    engine = imprint(X[:1], [0])
    with pytest.raises(ValueError, match="class_id must be"):
        engine.train(X[0], class_id)


@pytest.mark.parametrize(
    ("workers", "error", "message"),
    [
        (10**9, ValueError, "workers must be at most 1024"),
        (1.5, TypeError, r"workers must be a whole number, not 1\.5"),
        ("2", TypeError, "workers must be a whole number, not '2'"),
    ],
)
def test_invalid_workers_are_refused(workers: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        EmbeddingExtractor(build_extractor().content, workers=workers)


def test_a_photo_too_large_for_the_memory_is_refused() -> None:
    huge = np.broadcast_to(np.uint8(0), (2**20, 2**11, 3))
    with (
        EmbeddingExtractor(build_extractor().content) as extractor,
        pytest.raises(ValueError, match=r"it has 2048 x 1048576 pixels, but Pillow allows"),
    ):
        extractor.extract([huge])


@pytest.mark.parametrize("threshold", [float("nan"), -0.1, 1.1])
def test_thresholds_must_be_probabilities(threshold: float) -> None:
    with (
        Classifier(build_classifier().content) as classifier,
        pytest.raises(ValueError, match=r"threshold must be in \[0, 1\]"),
    ):
        classifier.classify([], threshold=threshold)


def test_a_huge_label_index_does_not_use_up_the_memory() -> None:
    with pytest.raises(ValueError, match="a label has the index 9999999999"):
        label_list(parse_labels("0 daisy\n9999999999 tulip\n"))
    digits = "9" * 5000
    assert parse_labels(f"{digits} daisy") == {0: f"{digits} daisy"}


@pytest.mark.parametrize("folder", [None, 5, b"photos", ["photos"]])
def test_an_image_folder_needs_a_path(folder: Any) -> None:
    with pytest.raises(TypeError):
        ImageFolder(folder)
