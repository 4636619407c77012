"""The time that ``fit`` takes, including the search for the penalty."""

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coral_learn import Embeddings, SoftmaxRegression
from coral_learn.machine import usable_cpus

from .figures import Figure, Note, Quantity, Target, speed
from .flowers import many_flowers
from .settings import Settings, real_data
from .synthetic import cross_entropy, labeled_embeddings
from .timing import Ratio, Series, times_in_turn
from .workers import Task, Worker

PART = "fit"

_PHOTOS = 2936  # 80% of all flower_photos
_SECONDS = 0.6
_OVER_LOGISTIC_REGRESSION = 15.0
_SAME_LOSS = 1e-4

_LARGE = (20_000, 1280, 1000)
_LARGE_QUICK = (500, 128, 20)
_LARGE_SECONDS = 60.0

Labels = NDArray[np.int64]


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Times a data set like that of the tutorial, and one with many classes."""
    data = real_data()
    if data is None or settings.quick:
        yield Note(PART, "generated embeddings instead of those of the flowers")
        photos = labeled_embeddings(500 if settings.quick else _PHOTOS, 1024, 5, "uint8")
    else:
        yield Note(PART, f"{_PHOTOS} crops of the flowers, a tenth with another label")
        photos = _with_random_labels(*many_flowers(data, _PHOTOS))
    yield from _like_the_tutorial(*photos, settings)
    yield from _many_classes(*_LARGE_QUICK if settings.quick else _LARGE)


def _with_random_labels(embeddings: Embeddings, labels: Labels) -> tuple[Embeddings, Labels]:
    """Gives a tenth of the rows a random label.

    The rows are crops, and one crop gives away the label of another crop of the same photo. With
    random labels, about as many rows are misclassified as with the photos of the tutorial, and
    cross-validation chooses about the same penalty.
    """
    generator = np.random.default_rng(0)
    drawn = generator.integers(labels.max() + 1, size=len(labels))
    return embeddings, np.where(generator.random(len(labels)) < 0.1, drawn, labels)


def _like_the_tutorial(
    embeddings: Embeddings, labels: Labels, settings: Settings
) -> Iterator[Figure | Note]:
    threads = usable_cpus()
    with Worker(threads) as ours, Worker(threads) as theirs:
        workers = {"ours": ours}
        ours.prepare(_fit, embeddings, labels)
        if find_spec("sklearn"):
            workers["scikit-learn"] = theirs
            inverse, loss = ours.call(_chosen_penalty, embeddings, labels)
            tolerance = theirs.call(_tolerance_for, loss, embeddings, labels, inverse)
            theirs.prepare(_logistic_regression, embeddings, labels, inverse, tolerance)
        else:
            yield Note(PART, "scikit-learn is not installed and was left out")
        times = times_in_turn(workers, settings.seconds, settings.rounds)
    what = f"{len(labels)} x {embeddings.shape[1]}, 5 classes"
    yield _within(what, times["ours"], _SECONDS)
    if "scikit-learn" in times:
        against = "one LogisticRegression.fit"
        yield speed(
            PART, what, times["ours"], against, times["scikit-learn"], _OVER_LOGISTIC_REGRESSION
        )


def _many_classes(rows: int, features: int, classes: int) -> Iterator[Figure]:
    with Worker(usable_cpus()) as worker:
        seconds = worker.call(_seconds_of_one_fit, rows, features, classes)
    what = f"{rows} x {features}, {classes} classes"
    yield _within(what, Series((seconds,)), _LARGE_SECONDS)


def _within(what: str, times: Series, seconds: float) -> Figure:
    return Figure(
        part=PART,
        what=what,
        ours=Quantity(times.median, "s"),
        against="",
        theirs=None,
        result=Ratio(times.median, min(times.rounds), max(times.rounds)),
        meaning="s",
        target=Target(seconds, "at most"),
    )


def _fit(embeddings: Embeddings, labels: Labels) -> Task:
    head = SoftmaxRegression(embeddings.shape[1], int(labels.max()) + 1, seed=0)
    return lambda: head.fit(embeddings, labels)


def _seconds_of_one_fit(rows: int, features: int, classes: int) -> float:
    fit = _fit(*labeled_embeddings(rows, features, classes, "uint8"))
    start = time.perf_counter()
    fit()
    return time.perf_counter() - start


def _chosen_penalty(embeddings: Embeddings, labels: Labels) -> tuple[float, float]:
    """Returns the penalty that ``fit`` chooses, as scikit-learn's C, and the loss it ends with."""
    head = SoftmaxRegression(embeddings.shape[1], int(labels.max()) + 1, seed=0)
    penalty = head.fit(embeddings, labels).penalty
    x = np.asarray(embeddings, np.float32)
    inverse = 1 / (penalty * float(x.var(axis=0).sum()))
    return inverse, _loss(head.weights, head.biases, embeddings, labels, inverse)


def _tolerance_for(loss: float, embeddings: Embeddings, labels: Labels, inverse: float) -> float:
    """Returns the largest tolerance with which scikit-learn reaches a loss."""
    for tolerance in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        model = _logistic_regression(embeddings, labels, inverse, tolerance)()
        reached = _loss(model.coef_.T, model.intercept_, embeddings, labels, inverse)
        if reached <= loss + _SAME_LOSS:
            return tolerance
    raise RuntimeError(f"scikit-learn ends with a loss of {reached}, and fit with {loss}")


def _logistic_regression(
    embeddings: Embeddings, labels: Labels, inverse: float, tolerance: float
) -> Callable[[], Any]:
    from sklearn.linear_model import LogisticRegression

    x = np.asarray(embeddings, np.float32)
    model = LogisticRegression(C=inverse, tol=tolerance, max_iter=10_000)
    return lambda: model.fit(x, labels)


def _loss(
    weights: NDArray[np.floating[Any]],
    biases: NDArray[np.floating[Any]],
    embeddings: Embeddings,
    labels: Labels,
    inverse: float,
) -> float:
    """Returns mean cross entropy plus penalty, as scikit-learn defines them."""
    logits = np.asarray(embeddings, np.float64) @ weights + biases
    penalty = float(np.square(weights, dtype=np.float64).sum()) / (2 * inverse * len(labels))
    return cross_entropy(logits, labels) + penalty
