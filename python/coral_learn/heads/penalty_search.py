"""The search for the L2 penalty of a fit, by cross-validation or on validation data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import ClassWeightVector, LabelVector, RowIndices
from . import core
from .training_data import LabeledEmbeddings

# Penalties on the sum of the losses of all rows, for embeddings of spread 1; each is about a third
# of the one before. Accuracy hardly changes around the best of them, so a finer grid gains nothing.
_PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_PENALTY_WITHOUT_VALIDATION = 0.01  # the best for one photo of each class
_FOLDS = 5
_MAX_WORK_FOR_FOLDS = 10_000_000  # rows x features x classes; above this, one fold is enough
_SEARCH_TOLERANCE = 3e-3
_SEARCH_ITERATIONS = 100
_MIN_PROBABILITY = 1e-9
_PATIENCE = 2  # stop after this many penalties in a row without an improvement


@dataclass(frozen=True)
class TrainingSet:
    """The data that a head is fitted to.

    Attributes:
        data: N embeddings and their labels.
        class_weights: How much each row of a class counts, float32 [C]; None for 1 each.
        num_classes: C.
    """

    data: LabeledEmbeddings
    class_weights: ClassWeightVector | None
    num_classes: int

    def zero_head(self) -> core.Head:
        """Returns a head of zeros to start from."""
        weights = np.zeros((self.num_classes, self.data.embeddings.shape[1]), np.float32)
        return core.Head(weights, np.zeros(self.num_classes, np.float32))

    def fit_to(self, rows: RowIndices) -> core.HeadFit:
        """Returns an object that fits heads to some of the rows."""
        return core.HeadFit(
            self.num_classes,
            core.stored(self.data.embeddings),
            self.data.labels,
            rows,
            self.class_weights,
            threads=core.num_threads(),
        )


@dataclass(frozen=True)
class PenaltyChoice:
    """The penalty that was chosen.

    Attributes:
        penalty: The penalty on the sum of the losses of all rows, for embeddings of spread 1.
        losses: The mean cross entropy of the held-out rows for each penalty that was tried. Empty
            if no class has a row to hold out.
        head: A head that was fitted to some of the rows under the penalty, which makes a good start
            for the fit to all of them.
    """

    penalty: float
    losses: dict[float, float]
    head: core.Head


class _Fold:
    """A head that is fitted to some rows of the data, and the rows that are held out."""

    def __init__(
        self, training: TrainingSet, rows: RowIndices, held_out: LabeledEmbeddings
    ) -> None:
        self.head = training.zero_head()
        self._fit = training.fit_to(rows)
        self._num_rows = len(rows)
        self._held_out = held_out
        self._class_weights = training.class_weights

    def __len__(self) -> int:
        """Returns the number of held-out rows."""
        return len(self._held_out)

    def held_out_loss(self, penalty: float) -> float:
        """Fits the head, and returns its cross entropy summed over the held-out rows."""
        self._fit.run(
            self.head,
            l2_penalty=penalty / self._num_rows,
            tolerance=_SEARCH_TOLERANCE,
            max_iterations=_SEARCH_ITERATIONS,
            on_report=lambda iteration, loss: None,
        )
        labels = self._held_out.labels
        embeddings = core.stored(self._held_out.embeddings)
        probabilities = core.predict_proba(self.head, embeddings, threads=core.num_threads())
        of_labels = np.maximum(probabilities[np.arange(len(labels)), labels], _MIN_PROBABILITY)
        losses = -np.log(of_labels)
        if self._class_weights is not None:
            losses *= self._class_weights[labels]
        return float(losses.sum(dtype=np.float64))


def choose_penalty(
    training: TrainingSet,
    validation: LabeledEmbeddings | None,
    generator: np.random.Generator,
) -> PenaltyChoice:
    """Chooses the penalty with the lowest loss on rows that were not fitted.

    Args:
        training: The data that the head will be fitted to.
        validation: Embeddings and labels to compute the loss on; None for cross-validation.
        generator: Shuffles the rows into folds.
    """
    folds = _make_folds(training, validation, generator)
    best = PenaltyChoice(_PENALTY_WITHOUT_VALIDATION, {}, training.zero_head())
    if not folds:
        return best
    losses: dict[float, float] = {}
    # Penalties become weaker. Each fit of a fold starts from its fit under the penalty before.
    for penalty in _PENALTIES:
        total = sum(fold.held_out_loss(penalty) for fold in folds)
        losses[penalty] = total / sum(len(fold) for fold in folds)
        tried = list(losses.values())
        worse = len(tried) - 1 - tried.index(min(tried))
        if worse == 0:
            best = PenaltyChoice(penalty, losses, folds[0].head.copy())
        elif worse == _PATIENCE:
            break
    return best


def _make_folds(
    training: TrainingSet, validation: LabeledEmbeddings | None, generator: np.random.Generator
) -> Sequence[_Fold]:
    embeddings, labels = training.data.embeddings, training.data.labels
    if validation is not None:
        return [_Fold(training, np.arange(len(labels), dtype=np.uint32), validation)]
    number = _fold_numbers(labels, generator)
    work = len(labels) * embeddings.shape[1] * training.num_classes
    return [
        _Fold(
            training,
            np.flatnonzero(number != fold).astype(np.uint32),
            LabeledEmbeddings(embeddings[number == fold], labels[number == fold]),
        )
        for fold in range(_FOLDS if work <= _MAX_WORK_FOR_FOLDS else 1)
        if (number == fold).any()
    ]


def _fold_numbers(labels: LabelVector, generator: np.random.Generator) -> NDArray[np.int64]:
    """Assigns the rows of each class to folds in turn; -1 for the only row of a class."""
    numbers = np.full(len(labels), -1)
    first = 0
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        if len(rows) > 1:
            # Classes start at different folds, so that folds of small classes are of equal size.
            numbers[rows] = (first + np.arange(len(rows))) % _FOLDS
            first += len(rows)
    return numbers
