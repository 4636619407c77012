"""Prediction, compared with reading the embeddings once, and with NumPy."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coral_learn import Embeddings, SoftmaxRegression
from coral_learn.machine import usable_cpus

from .figures import Figure, Note, cost, speed
from .machine import SGEMM_FLOPS, reading, sgemm
from .settings import Settings
from .synthetic import Stored, labeled_embeddings
from .timing import times_in_turn
from .workers import Task, Worker

PART = "inference"

_ACCURACY_OVER_READING = 2.0


@dataclass(frozen=True)
class _Case:
    rows: int
    features: int
    classes: int
    stored: Stored

    @property
    def bytes(self) -> int:
        return self.rows * self.features * (4 if self.stored == "float32" else 1)

    @property
    def flops(self) -> int:
        return 2 * self.rows * self.features * self.classes


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Times get_accuracy, predict and predict_proba with one thread and all."""
    rows = 1_000 if settings.quick else 100_000
    for threads in sorted({1, usable_cpus()}):
        for stored in ("float32", "uint8"):
            yield from _few_classes(_Case(rows, 1024, 5, stored), threads, settings)
        yield from _many_classes(_Case(rows // 10, 1280, 1000, "uint8"), threads, settings)


def _few_classes(case: _Case, threads: int, settings: Settings) -> Iterator[Figure]:
    """Compares with the memory speed, which is the limit for few classes."""
    tasks: dict[str, tuple[Callable[..., Task], object]] = {
        "get_accuracy": (_accuracy, case),
        "predict": (_predict, case),
        "predict_proba": (_predict_proba, case),
        "NumPy": (_numpy_predict, case),
        "reading": (reading, case.bytes),
    }
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(threads)) for name in tasks}
        for name, (make, argument) in tasks.items():
            workers[name].prepare(make, argument)
        times = times_in_turn(workers, settings.seconds, settings.rounds)
    limit = times["reading"]
    yield cost(
        PART,
        _name("get_accuracy", case, threads),
        times["get_accuracy"],
        "reading once",
        limit,
        _ACCURACY_OVER_READING,
    )
    for name in ("predict", "predict_proba"):
        yield cost(PART, _name(name, case, threads), times[name], "reading once", limit)
    yield speed(PART, _name("predict", case, threads), times["predict"], "NumPy", times["NumPy"])


def _many_classes(case: _Case, threads: int, settings: Settings) -> Iterator[Figure]:
    """Compares with the arithmetic rate, which is the limit for many classes."""
    with Worker(threads) as ours, Worker(threads) as limit:
        ours.prepare(_predict, case)
        limit.prepare(sgemm)
        times = times_in_turn({"ours": ours, "SGEMM": limit}, settings.seconds, settings.rounds)
    sgemm_limit = times["SGEMM"].times(case.flops / SGEMM_FLOPS)
    yield cost(PART, _name("predict", case, threads), times["ours"], "SGEMM limit", sgemm_limit)


def _name(method: str, case: _Case, threads: int) -> str:
    size = f"{case.rows:.0e} x {case.features}, {case.classes} classes".replace("e+0", "e")
    return f"{method}, {size}, {case.stored}, {threads} thread{'s' if threads > 1 else ''}"


def _accuracy(case: _Case) -> Task:
    head, embeddings, labels = _head_and_data(case)
    return lambda: head.get_accuracy(embeddings, labels)


def _predict(case: _Case) -> Task:
    head, embeddings, _ = _head_and_data(case)
    return lambda: head.predict(embeddings)


def _predict_proba(case: _Case) -> Task:
    head, embeddings, _ = _head_and_data(case)
    return lambda: head.predict_proba(embeddings)


def _numpy_predict(case: _Case) -> Task:
    head, embeddings, _ = _head_and_data(case)
    weights, biases = np.ascontiguousarray(head.weights), head.biases
    return lambda: (np.asarray(embeddings, np.float32) @ weights + biases).argmax(axis=1)


def _head_and_data(case: _Case) -> tuple[SoftmaxRegression, Embeddings, NDArray[np.int64]]:
    embeddings, labels = labeled_embeddings(case.rows, case.features, case.classes, case.stored)
    return SoftmaxRegression(case.features, case.classes, seed=0), embeddings, labels
