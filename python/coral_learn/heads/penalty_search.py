"""Choosing how strongly to regularize a head, on the training data alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..embeddings import Embeddings
from .inputs import num_threads, stored

# The penalty of all rows together, for embeddings of spread 1: each is a third of the one before.
# Accuracy is flat around the best of them, so a finer grid gains nothing.
_PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_PENALTY_WITHOUT_VALIDATION = 0.01  # the best for one photo a class
_FOLDS = 5
_MOST_WORK_FOR_FOLDS = 10_000_000  # rows x features x classes; above, one fold tells enough
_SEARCH_TOLERANCE = 3e-3
_SEARCH_ITERATIONS = 100
_LEAST_PROBABILITY = 1e-9
_PATIENCE = 2  # penalties in a row that were no better


@dataclass(frozen=True)
class TrainingSet:
    """What a head is fitted to.

    Attributes:
        embeddings: [N, D], as ``inputs.as_embeddings`` gives them.
        labels: int32 [N].
        class_weights: How much a row of each class counts, float32 [C]; None for 1 each.
        num_classes: C.
    """

    embeddings: Embeddings
    labels: NDArray[np.int32]
    class_weights: NDArray[np.float32] | None
    num_classes: int

    def zeros(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns weights [C, D] and biases [C] to start from."""
        features = self.embeddings.shape[1]
        return np.zeros((self.num_classes, features), np.float32), np.zeros(
            self.num_classes, np.float32
        )

    def start_fit(
        self, head: tuple[NDArray[np.float32], NDArray[np.float32]], rows: NDArray[np.uint32]
    ) -> _core.HeadFit:
        """Returns the fit of a head, weights [C, D] and biases [C], to some of the rows."""
        return _core.HeadFit(
            *head,
            stored(self.embeddings),
            self.labels,
            rows,
            self.class_weights,
            threads=num_threads(),
        )


@dataclass(frozen=True)
class PenaltyChoice:
    """The penalty that was chosen.

    Attributes:
        penalty: Of all rows together, for embeddings of spread 1.
        losses: The mean cross entropy of rows that were left out, for each penalty that was tried;
            empty where each class has one row alone.
        head: Weights [C, D] and biases [C] that were fitted to some of the rows under the penalty:
            a good start for the fit to all of them.
    """

    penalty: float
    losses: dict[float, float]
    head: tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Fold:
    """Rows to fit, and others to judge the fit by."""

    rows: NDArray[np.uint32]
    embeddings: Embeddings
    labels: NDArray[np.int32]


def choose_penalty(
    training: TrainingSet,
    validation: tuple[Embeddings, NDArray[np.int32]] | None,
    generator: np.random.Generator,
) -> PenaltyChoice:
    """Chooses the penalty under which rows that were not fitted are the least surprising.

    Args:
        training: What the head will be fitted to.
        validation: Embeddings and labels to judge by; None for cross-validation.
        generator: Shuffles the rows into folds.
    """
    folds = _folds(training, validation, generator)
    best = PenaltyChoice(_PENALTY_WITHOUT_VALIDATION, {}, training.zeros())
    if not folds:
        return best
    # Every fold goes on from its own fit under the penalty before, a stronger one.
    fits = [training.start_fit(training.zeros(), fold.rows) for fold in folds]
    losses: dict[float, float] = {}
    for penalty in _PENALTIES:
        total = sum(
            _surprise(training, fold, fit, penalty) for fold, fit in zip(folds, fits, strict=True)
        )
        losses[penalty] = total / sum(len(fold.labels) for fold in folds)
        tried = list(losses.values())
        worse = len(tried) - 1 - tried.index(min(tried))
        if worse == 0:
            best = PenaltyChoice(penalty, losses, fits[0].head())
        elif worse == _PATIENCE:
            break
    return best


def _surprise(training: TrainingSet, fold: Fold, fit: _core.HeadFit, penalty: float) -> float:
    """Fits a head to a fold, and returns the cross entropy summed over the rows left out."""
    fit.run(
        l2_penalty=penalty / len(fold.rows),
        tolerance=_SEARCH_TOLERANCE,
        max_iterations=_SEARCH_ITERATIONS,
        on_report=lambda iteration, loss: None,
    )
    scores = _core.predict_proba(*fit.head(), stored(fold.embeddings), threads=num_threads())
    given = np.maximum(scores[np.arange(len(fold.labels)), fold.labels], _LEAST_PROBABILITY)
    losses = -np.log(given)
    if training.class_weights is not None:
        losses *= training.class_weights[fold.labels]
    return float(losses.sum(dtype=np.float64))


def _folds(
    training: TrainingSet,
    validation: tuple[Embeddings, NDArray[np.int32]] | None,
    generator: np.random.Generator,
) -> Sequence[Fold]:
    count = len(training.labels)
    if validation is not None:
        return [Fold(np.arange(count, dtype=np.uint32), *validation)]
    number = _fold_numbers(training.labels, generator)
    work = count * training.embeddings.shape[1] * training.num_classes
    chosen = range(_FOLDS if work <= _MOST_WORK_FOR_FOLDS else 1)
    return [
        Fold(
            np.flatnonzero(number != fold).astype(np.uint32),
            training.embeddings[number == fold],
            training.labels[number == fold],
        )
        for fold in chosen
        if (number == fold).any()
    ]


def _fold_numbers(labels: NDArray[np.int32], generator: np.random.Generator) -> NDArray[np.int64]:
    """Deals the rows of each class out to the folds; -1 for the only row of a class."""
    numbers = np.full(len(labels), -1)
    first = 0
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        if len(rows) > 1:
            # Classes start at different folds, so that these are of like size with few rows each.
            numbers[rows] = (first + np.arange(len(rows))) % _FOLDS
            first += len(rows)
    return numbers
