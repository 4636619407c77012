"""The ways to train a head, behind one door."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..dataset import Split
from ..embeddings import Embeddings
from ..heads.imprinting import ImprintingEngine
from ..heads.new_class import class_means
from ..heads.softmax_regression import SoftmaxRegression
from ..tflite.head.class_means import attach_class_means
from ..tflite.imprinting.create import create_imprinting_model

Method = Literal["sgd", "fit", "imprint"]
"""``sgd``: the tutorial's recipe; ``fit``: a converged head with its own choice of regularization;
``imprint``: the mean direction of each class, for a few photos."""

_RECORDS = 20  # points of SGD's training curve


@dataclass(frozen=True)
class SgdSettings:
    """How ``method="sgd"`` trains; the defaults are those of Coral's tutorial."""

    iterations: int = 500
    learning_rate: float = 0.01
    batch_size: int = 100
    weight_scale: float = 0.05


TUTORIAL_RECIPE = SgdSettings()


@dataclass(frozen=True)
class LearningTask:
    """What a head learns from.

    Attributes:
        extractor: The model that the head goes on.
        embeddings: What it sees in the photos, [N, D].
        labels: Their classes, [N].
        split: Which of them train and which validate.
        classes: The names of the classes.
        seed: Makes the training repeatable.
    """

    extractor: bytes
    embeddings: Embeddings
    labels: NDArray[np.int64]
    split: Split
    classes: Sequence[str]
    seed: int | None


class Head(Protocol):
    """What every head can do."""

    def get_accuracy(self, mat_x: Embeddings, labels: NDArray[np.int64]) -> float:
        """Returns the fraction of embeddings classified right, in [0, 1]."""


@dataclass(frozen=True)
class TrainedHead:
    """A head and how it came about.

    Attributes:
        head: It.
        serialize: Makes the classifier, the bytes of a ``.tflite`` file.
        curve: The training loss by step; empty where there are no steps.
        settings: What was chosen, in words.
    """

    head: Head
    serialize: Callable[[], bytes]
    curve: list[tuple[int, float]]
    settings: str


def train_head(
    method: Method, task: LearningTask, sgd: SgdSettings, report: Callable[[int, int], None]
) -> TrainedHead:
    """Trains a head on embeddings.

    Args:
        method: How.
        task: What it learns from.
        sgd: The settings of ``sgd``.
        report: Called with the steps done and all steps.
    """
    if method == "sgd":
        return _train_with_sgd(task, sgd, report)
    trained = _fit(task) if method == "fit" else _imprint(task)
    report(1, 1)
    return trained


def _train_with_sgd(
    task: LearningTask, sgd: SgdSettings, report: Callable[[int, int], None]
) -> TrainedHead:
    head = SoftmaxRegression(
        task.embeddings.shape[1],
        len(task.classes),
        weight_scale=sgd.weight_scale,
        seed=task.seed,
    )
    head.labels = list(task.classes)
    split = task.split
    history = head.train_with_sgd(
        {
            "data_train": task.embeddings[split.train],
            "labels_train": task.labels[split.train],
            "data_val": task.embeddings[split.validation],
            "labels_val": task.labels[split.validation],
        },
        sgd.iterations,
        sgd.learning_rate,
        batch_size=sgd.batch_size,
        print_every=max(1, sgd.iterations // _RECORDS),
        progress=lambda record: report(record.iteration, sgd.iterations),
    )
    curve = [(record.iteration, record.loss) for record in history]
    return TrainedHead(
        head, lambda: _serialize(head, task), curve, f"{sgd.iterations} steps of SGD"
    )


def _fit(task: LearningTask) -> TrainedHead:
    head = SoftmaxRegression(task.embeddings.shape[1], len(task.classes), seed=task.seed)
    head.labels = list(task.classes)
    rows = task.split.train
    record = head.fit(task.embeddings[rows], task.labels[rows])
    return TrainedHead(
        head,
        lambda: _serialize(head, task),
        list(enumerate(record.losses)),
        f"fitted with an L2 penalty of {record.penalty:g}",
    )


def _serialize(head: SoftmaxRegression, task: LearningTask) -> bytes:
    """Makes the classifier, with a note of its classes, so that one can be added later."""
    rows = task.split.train
    means = class_means(task.embeddings[rows], task.labels[rows], len(task.classes))
    return attach_class_means(head.serialize_model(task.extractor), means).content


def _imprint(task: LearningTask) -> TrainedHead:
    head = ImprintingEngine(create_imprinting_model(task.extractor))
    head.train_all(task.embeddings[task.split.train], task.labels[task.split.train])
    head.labels = list(task.classes)
    return TrainedHead(head, head.serialize_model, [], "imprinted")
