"""Many threads that use separate objects or share one, and processes forked meanwhile."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.support.model_builder import build_classifier, build_extractor

from coral_learn import (
    EmbeddingExtractor,
    Embeddings,
    ImprintingEngine,
    SoftmaxRegression,
    create_imprinting_model,
)
from coral_learn.heads.records import TrainingRecord
from coral_learn.tflite.head.append import append_softmax_head

pytestmark = pytest.mark.slow_when_emulated

FEATURES, CLASSES = 8, 3
EXTRACTOR = build_extractor("uint8", FEATURES)
STEP = 6 / 255  # of the extractor's embeddings, which end at 6


@pytest.fixture(autouse=True)
def switch_often() -> Iterator[None]:
    """Lets threads interrupt each other as often as can be, so that races happen."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def photos(seed: int, rows: int = 120) -> tuple[Embeddings, np.ndarray]:
    """Embeddings as the extractor gives them, around a center for each class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, rows)
    middles = rng.integers(30, 200, (CLASSES, FEATURES))
    stored = np.clip(middles[labels] + rng.normal(0, 20, (rows, FEATURES)), 0, 255)
    return Embeddings(stored.astype(np.uint8), STEP, 0), labels


def train(head: SoftmaxRegression, seed: int, iterations: int = 20) -> None:
    x, y = photos(seed)
    head.train_with_sgd({"data_train": x, "labels_train": y}, iterations, 0.1, print_every=0)


def at_once(*jobs: Callable[[], object]) -> None:
    """Runs each job in a thread of its own, all from the same moment on."""
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        start.wait()
        job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(run, job) for job in jobs]:
            done.result(timeout=600)


def repeated(times: int, job: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            job()

    return run


def fork() -> int:
    """Forks a child that has 120 s to live."""
    with warnings.catch_warnings():  # Python 3.12 warns of forking with threads: that is the test
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(120)
    return child


def exit_status_of_fork(job: Callable[[], object]) -> int:
    """Runs a job in a forked process, and returns 0 if it is completed."""
    child = fork()
    if child == 0:
        status = 1
        try:
            job()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def test_objects_of_different_threads_are_independent() -> None:
    def work(seed: int) -> tuple[np.ndarray, bytes, np.ndarray]:
        head = SoftmaxRegression(FEATURES, CLASSES, seed=seed)
        train(head, seed, 300)
        head.fit(*photos(seed))
        with EmbeddingExtractor(EXTRACTOR.content, workers=2) as extractor:
            image = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
            embeddings = extractor.extract([image] * 5)
        return head.predict_proba(embeddings), head.serialize_model(EXTRACTOR.content), head.weights

    alone = [work(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for got, expected in zip(pool.map(work, range(4)), alone, strict=True):
            np.testing.assert_array_equal(got[0], expected[0])
            assert got[1] == expected[1]
            np.testing.assert_array_equal(got[2], expected[2])


def test_every_method_of_one_head_may_be_called_at_any_time(tmp_path: Path) -> None:
    head = SoftmaxRegression(FEATURES, CLASSES, seed=0)
    train(head, 0)
    x, y = photos(0)

    def save() -> None:
        path = tmp_path / f"{threading.get_ident()}.npz"
        head.save(path)
        assert SoftmaxRegression.load(path).labels in (None, ["a", "b", "c"])

    def assign() -> None:
        head.labels = ["a", "b", "c"]
        head.reg = 0.01
        head.weights = np.zeros((FEATURES, CLASSES))
        head.biases = np.zeros(CLASSES)
        head.labels = None

    def predict() -> None:
        np.testing.assert_allclose(head.predict_proba(x).sum(axis=1), 1, rtol=1e-5)
        assert 0 <= head.get_accuracy(x, y) <= 1
        assert set(head.predict(x)) <= set(range(CLASSES))

    def duplicate() -> None:
        for twin in (copy.deepcopy(head), copy.copy(head), pickle.loads(pickle.dumps(head))):
            train(twin, 1, 2)

    at_once(
        repeated(20, lambda: train(head, 1)),
        repeated(20, lambda: train(head, 2)),
        repeated(5, lambda: head.fit(x, y)),
        repeated(20, lambda: head.serialize_model(EXTRACTOR.content)),
        repeated(20, lambda: head.quantization_report(EXTRACTOR.content)),
        repeated(20, save),
        repeated(20, assign),
        repeated(20, predict),
        repeated(20, duplicate),
    )


class SlowPath(os.PathLike[str]):
    """A path that takes long to look up: long enough for a job in another thread."""

    def __init__(self, path: Path, job: Callable[[], object]) -> None:
        self._path, self._job = path, job

    def __fspath__(self) -> str:
        at_once(self._job)
        return os.fspath(self._path)


def test_a_model_is_serialized_with_the_embeddings_that_its_weights_were_trained_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "extractor.tflite"
    path.write_bytes(EXTRACTOR.content)
    head = SoftmaxRegression(FEATURES, CLASSES)
    embeddings, labels = photos(1)
    dim = Embeddings(embeddings.quantized // 16, STEP, 0)
    head.fit(embeddings, labels)
    expected = head.serialize_model(path)
    mixed = append_softmax_head(
        EXTRACTOR.content, head.weights, head.biases, calibration=dim
    ).content
    assert mixed != expected  # or this test could not fail
    assert head.serialize_model(SlowPath(path, lambda: head.fit(dim, labels))) == expected


def make_engine() -> ImprintingEngine:
    classifier = build_classifier("uint8", FEATURES, CLASSES).content
    return ImprintingEngine(create_imprinting_model(classifier, keep_classes=True), True)


def test_all_photos_that_threads_add_to_one_imprinting_engine_count() -> None:
    x, y = photos(3, rows=1000)
    vectors = np.asarray(x, np.float64)
    engine, expected = make_engine(), make_engine()
    expected.train_all(x, y + CLASSES)
    for label in range(CLASSES):  # so that no class comes before the one that it follows
        first = np.flatnonzero(y == label)[0]
        engine.train(vectors[first], CLASSES + label)
    others = [i for i in range(len(y)) if i not in {np.flatnonzero(y == c)[0] for c in range(3)}]

    def add(rows: list[int]) -> None:
        for row in rows:
            engine.train(vectors[row], CLASSES + int(y[row]))

    def look() -> None:
        assert len(engine.predict(x)) == len(x)
        engine.serialize_model()
        copy.deepcopy(engine).train_all(x, y + CLASSES)
        engine.labels = [str(i) for i in range(engine.num_classes)]

    at_once(*(lambda part=i: add(others[part::4]) for i in range(4)), repeated(20, look))
    np.testing.assert_array_equal(engine.predict(x), expected.predict(x))
    again = [
        ImprintingEngine(e.serialize_model(), keep_classes=True)._tail() for e in (engine, expected)
    ]
    assert again[0].sum_norms == pytest.approx(again[1].sum_norms)
    assert again[1].photo_counts is not None
    assert again[1].photo_counts.sum() == len(y)
    np.testing.assert_array_equal(again[0].photo_counts, again[1].photo_counts)
    np.testing.assert_allclose(again[0].biases, again[1].biases, atol=1e-5)


@needs_fork
def test_a_process_forked_while_its_objects_are_busy_can_use_them() -> None:
    head, engine = SoftmaxRegression(FEATURES, CLASSES), make_engine()
    x, y = photos(4)
    busy, finish = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        busy.set()
        finish.wait(60)

    def keep_busy() -> None:
        with engine._lock:
            head.train_with_sgd(
                {"data_train": x, "labels_train": y}, 10, 0.1, print_every=1, progress=wait
            )

    def use() -> None:
        train(head, 4)
        head.fit(x, y)
        head.predict(x)
        head.serialize_model(EXTRACTOR.content)
        engine.train_all(x, y + CLASSES)
        engine.serialize_model()

    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(keep_busy)
        try:
            assert busy.wait(60)
            assert exit_status_of_fork(use) == 0
        finally:
            finish.set()
        training.result(timeout=60)
    use()


@needs_fork
def test_a_process_forked_by_a_progress_callback_continues_the_training() -> None:
    x, y = photos(5, rows=4000)  # enough for several threads
    children: list[int] = []

    def fork_once(record: TrainingRecord) -> None:
        if not children:
            children.append(fork())

    iterations: list[int] = []
    try:
        head = SoftmaxRegression(FEATURES, CLASSES, seed=1)
        history = head.train_with_sgd(
            {"data_train": x, "labels_train": y}, 20, 0.01, print_every=5, progress=fork_once
        )
        iterations = [record.iteration for record in history]
    finally:
        if children == [0]:
            os._exit(0 if iterations == [0, 5, 10, 15, 20] else 1)
    assert iterations == [0, 5, 10, 15, 20]
    assert os.waitpid(children[0], 0)[1] == 0


@needs_fork
def test_an_extractor_works_in_a_forked_process() -> None:
    images = list(np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), np.uint8))
    with EmbeddingExtractor(EXTRACTOR.content, workers=2) as extractor:
        expected = extractor.extract(images)

        def use() -> None:
            np.testing.assert_array_equal(extractor.extract(images), expected)

        assert exit_status_of_fork(use) == 0
        use()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on address space")
def test_training_works_under_a_memory_limit_that_allows_no_thread() -> None:
    script = textwrap.dedent(
        """
        import re, resource
        from pathlib import Path
        import numpy as np
        from coral_learn import SoftmaxRegression

        rng = np.random.default_rng(0)
        data = {
            "data_train": rng.normal(size=(2000, 256)).astype(np.float32),
            "labels_train": rng.integers(0, 20, 2000),
        }
        head = SoftmaxRegression(256, 20, seed=0)
        used = int(re.search(r"VmSize:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**22, -1))  # a thread's stack takes 8 MB
        head.train_with_sgd(data, 20, 0.01, batch_size=1000, print_every=0)
        print(len(list(Path("/proc/self/task").iterdir())), head.predict(data["data_train"]).max())
        """
    )
    environment = {
        **os.environ,
        "CORAL_LEARN_NUM_THREADS": "8",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert result.stderr == ""
    threads, label = result.stdout.split()
    assert threads == "1"
    assert 0 <= int(label) < 20


def test_free_threaded_python_is_not_promised() -> None:
    """Importing the core there turns the GIL on, which the locks of this package rely on."""
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    if is_enabled is None:
        pytest.skip("this Python always has the GIL")
    assert is_enabled()
