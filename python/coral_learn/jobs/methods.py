"""The methods to train a head: SGD, fit and weight imprinting."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import PredictionVector, ProbabilityMatrix
from ..embeddings import Embeddings
from ..heads.class_means import class_means
from ..heads.folds import is_cheap
from ..heads.records import FitRecord
from ..heads.refit import refit
from ..heads.softmax_regression import SoftmaxRegression
from ..heads.temperature import choose_temperature, losses_of
from ..tflite.file import ModelFile
from .learning_task import LearningTask
from .settings import Method, SgdSettings

_CURVE_POINTS = 20  # of SGD's training curve
_MAX_SGD_WORK = 1_000_000_000  # steps x batch x features x classes; a fraction of a second


class Head(Protocol):
    """A trained head of any method."""

    def get_accuracy(self, mat_x: Embeddings, labels: NDArray[np.int64]) -> float:
        """Returns the fraction of embeddings that are classified correctly, in [0, 1]."""

    def predict(self, x: Embeddings) -> PredictionVector:
        """Returns the class of each embedding, [N]."""

    def predict_proba(self, x: Embeddings) -> ProbabilityMatrix:
        """Returns the probability of each class for each embedding, [N, C]."""


class TrainedHead(NamedTuple):
    """A trained head, with a record of its training.

    Attributes:
        head: The head.
        to_model: Makes a classifier from the extractor and the head.
        curve: The training loss by gradient step; empty for a method without them.
        settings: The method and its settings, in words.
        train_again: Trains another head in the same way on the given rows; None if this takes too
            long to be done several times.
        notes: Facts about the training that the user should know, a sentence each.
    """

    head: Head
    to_model: Callable[[], ModelFile]
    curve: list[tuple[int, float]]
    settings: str
    train_again: Callable[[NDArray[np.int64]], Head] | None
    notes: Sequence[str] = ()


def train_head(
    method: Method, task: LearningTask, sgd: SgdSettings, report: Callable[[int, int], None]
) -> TrainedHead:
    """Trains a head on embeddings.

    Args:
        method: The method to train with.
        task: The data to train on.
        sgd: The settings of ``method="sgd"``.
        report: Called with the number of steps done and the total.
    """
    if method == "sgd":
        return _train_with_sgd(task, sgd, report)
    trained = _fit(task) if method == "fit" else _imprint(task)
    report(1, 1)
    return trained


def _train_with_sgd(
    task: LearningTask, sgd: SgdSettings, report: Callable[[int, int], None]
) -> TrainedHead:
    split = task.split
    validation = task.embeddings[split.validation], task.labels[split.validation]

    def train(
        rows: NDArray[np.int64], report: Callable[[int, int], None]
    ) -> tuple[SoftmaxRegression, list[tuple[int, float]]]:
        head = _new_head(task, sgd.weight_scale)
        history = head.train_with_sgd(
            {
                "data_train": task.embeddings[rows],
                "labels_train": task.labels[rows],
                "data_val": validation[0],
                "labels_val": validation[1],
            },
            sgd.iterations,
            sgd.learning_rate,
            batch_size=sgd.batch_size,
            print_every=max(1, sgd.iterations // _CURVE_POINTS),
            progress=lambda record: report(record.iteration, sgd.iterations),
        )
        return head, [(record.iteration, record.loss) for record in history]

    head, curve = train(split.train, report)
    temperature = _temperature(head, *validation)
    _divide(head, temperature)

    def train_again(rows: NDArray[np.int64]) -> SoftmaxRegression:
        other, _ = train(rows, _ignore)
        _divide(other, temperature)
        return other

    work = sgd.iterations * sgd.batch_size * task.embeddings.shape[1] * len(task.classes)
    return TrainedHead(
        head,
        lambda: _to_model(head, task),
        curve,
        f"{sgd.iterations} steps of SGD",
        train_again if work <= _MAX_SGD_WORK else None,
    )


def _temperature(
    head: SoftmaxRegression, embeddings: Embeddings, labels: NDArray[np.int64]
) -> float:
    """Returns the temperature with which the head's probabilities suit validation photos."""
    if not len(labels):
        return 1.0
    return choose_temperature(losses_of(head.predict_proba(embeddings), labels))


def _divide(head: SoftmaxRegression, temperature: float) -> None:
    head.weights /= np.float32(temperature)
    head.biases /= np.float32(temperature)


def _fit(task: LearningTask) -> TrainedHead:
    classes = len(task.classes)
    head = _new_head(task)
    rows = task.split.train
    record = head.fit(task.embeddings[rows], task.labels[rows], groups=task.scenes[rows])

    def fit_again(rows: NDArray[np.int64]) -> SoftmaxRegression:
        return refit(record, task.embeddings[rows], task.labels[rows], classes, seed=task.seed)

    return TrainedHead(
        head,
        lambda: _to_model(head, task),
        list(enumerate(record.losses)),
        f"fitted with an L2 penalty of {record.penalty:g}",
        fit_again if is_cheap(task.embeddings, classes) else None,
        _notes_on(record),
    )


def _notes_on(record: FitRecord) -> list[str]:
    if not record.at_edge:
        return []
    if record.penalty == min(record.validation_losses):
        advice = "A single feature of the photos may decide. More photos may help."
    else:
        advice = (
            "The embeddings of the photos hardly tell the classes apart. Check that the photos are "
            "in the right folders, or take another extractor."
        )
    return [f"the best L2 penalty, {record.penalty:g}, is the last that is tried. {advice}"]


def _new_head(task: LearningTask, weight_scale: float = 0.01) -> SoftmaxRegression:
    """Returns a head that is not trained yet."""
    head = SoftmaxRegression(
        task.embeddings.shape[1], len(task.classes), weight_scale=weight_scale, seed=task.seed
    )
    head.labels = list(task.classes)
    return head


def _to_model(head: SoftmaxRegression, task: LearningTask) -> ModelFile:
    """Makes the classifier, with the mean of each class, so that a class can be added later."""
    rows = task.split.train
    means = class_means(task.embeddings[rows], task.labels[rows], len(task.classes))
    return head.to_model(task.extractor, class_means=means)


def _imprint(task: LearningTask) -> TrainedHead:
    # The other methods need none of this, and importing it takes long.
    from ..heads.imprinting import ImprintingEngine
    from ..tflite.imprinting.create import make_imprinting_model

    model = make_imprinting_model(task.extractor)

    def imprint(rows: NDArray[np.int64]) -> ImprintingEngine:
        head = ImprintingEngine(model)
        head.train_all(task.embeddings[rows], task.labels[rows])
        head.labels = list(task.classes)
        return head

    head = imprint(task.split.train)
    return TrainedHead(head, head.to_model, [], "imprinted", imprint)


def _ignore(done: int, total: int) -> None:
    """Reports no progress."""
