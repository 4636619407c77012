"""The search for the L2 penalty of a fit, by cross-validation or on validation data."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..arrays import ClassWeightVector, RowIndices, SampleWeightVector
from . import core
from .folds import FOLDS, MAX_WORK_FOR_FOLDS, fold_numbers
from .temperature import HeldOutAnswers, choose_temperature
from .training_data import LabeledEmbeddings

# Penalties on the sum of the losses of all rows, for embeddings of spread 1; each is about a third
# of the one before. Accuracy hardly changes around the best of them, so a finer grid gains nothing.
_PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
# Tried only if an end of those above is the best, and as long as the loss falls noticeably.
_STRONGER = (10.0, 30.0, 100.0, 300.0, 1000.0)
_WEAKER = (3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
_NOTICEABLE = 0.01  # smaller falls gain no accuracy
_PENALTY_WITHOUT_VALIDATION = 0.01  # the best for one photo of each class
_SEARCH_TOLERANCE = 3e-3
# A fit of a fold ends when an iteration gains less. The bound on what is left to gain, from which
# the tolerance comes, is ten to thirty times too high for weak penalties.
_SEARCH_DECREASE = 1e-3
_TOLERANCE, _MIN_DECREASE = 1e-4, 1e-5  # of the fits that the temperature comes from
_SEARCH_ITERATIONS = 100
_PATIENCE = 2  # stop after this many penalties in a row without an improvement


@dataclass(frozen=True)
class TrainingSet:
    """The data that a head is fitted to.

    Attributes:
        data: N embeddings and their labels.
        class_weights: How much each row of a class counts, float32 [C]; None for 1 each.
        num_classes: C.
        sample_weights: How much each row counts, float32 [N]; None for 1 each. The weight of a row
            is the product of both.
        groups: The group of each row, int64 [N]; None if every row is a group of its own. Rows of a
            group are held out together.
    """

    data: LabeledEmbeddings
    class_weights: ClassWeightVector | None
    num_classes: int
    sample_weights: SampleWeightVector | None = None
    groups: NDArray[np.int64] | None = None

    def count(self, rows: RowIndices | slice = slice(None)) -> float:
        """Returns how many rows some rows count as: the sum of their sample weights."""
        if self.sample_weights is None:
            return float(len(self.data.labels[rows]))
        return float(self.sample_weights[rows].sum(dtype=np.float64))

    @property
    def work(self) -> int:
        """Rows x features x classes, which the time of an iteration of a fit grows with."""
        return len(self.data.labels) * self.data.embeddings.shape[1] * self.num_classes

    @property
    def weights(self) -> SampleWeightVector:
        """How much each row counts, by its class too, float32 [N]."""
        weights = np.ones(len(self.data.labels), np.float32)
        if self.class_weights is not None:
            weights *= self.class_weights[self.data.labels]
        if self.sample_weights is not None:
            weights *= self.sample_weights
        return weights

    def part(self, rows: NDArray[np.int64]) -> "TrainingSet":
        """Returns some of the rows."""
        data = LabeledEmbeddings(self.data.embeddings[rows], self.data.labels[rows])
        weights, groups = self.sample_weights, self.groups
        return replace(
            self,
            data=data,
            sample_weights=None if weights is None else weights[rows],
            groups=None if groups is None else groups[rows],
        )

    def zero_head(self) -> core.Head:
        """Returns a head of zeros to start from."""
        weights = np.zeros((self.num_classes, self.data.embeddings.shape[1]), np.float32)
        return core.Head(weights, np.zeros(self.num_classes, np.float32))

    @cached_property
    def variation(self) -> core.Variation:
        """How all the embeddings vary.

        Raises:
            ValueError: An embedding is not finite.
        """
        return core.Variation(core.stored(self.data.embeddings), self.sample_weights)

    def fit_to(self, rows: RowIndices, threads: int) -> core.HeadFit:
        """Returns an object that fits heads to some of the rows."""
        return core.HeadFit(
            self.num_classes,
            core.stored(self.data.embeddings),
            self.data.labels,
            self.variation,
            rows,
            self.class_weights,
            self.sample_weights,
            threads=threads,
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
        temperature: What the logits are to be divided by, so that the probabilities of the held-out
            rows say how often they are right.
        at_edge: Whether the search ended at its weakest or strongest penalty with the loss falling.
    """

    penalty: float
    losses: dict[float, float]
    head: core.Head
    temperature: float = 1.0
    at_edge: bool = False


class _Fold:
    """A head that is fitted to some rows of the data, and the rows that are held out."""

    def __init__(
        self, training: TrainingSet, rows: RowIndices, held_out: TrainingSet, threads: int
    ) -> None:
        self.head = training.zero_head()
        self.held_out = held_out
        self.count = training.count(rows)
        self._threads = threads
        self._fit = training.fit_to(rows, threads)

    def answer(
        self,
        l2_penalty: float,
        tolerance: float = _SEARCH_TOLERANCE,
        min_decrease: float = _SEARCH_DECREASE,
    ) -> HeldOutAnswers:
        """Fits the head, and returns what it says about the held-out rows."""
        self._fit.run(
            self.head,
            l2_penalty=l2_penalty,
            tolerance=tolerance,
            max_iterations=_SEARCH_ITERATIONS,
            min_decrease=min_decrease,
            on_report=lambda iteration, loss: None,
        )
        data = self.held_out.data
        probabilities = core.predict_proba(
            self.head, core.stored(data.embeddings), threads=self._threads
        )
        return HeldOutAnswers(probabilities, data.labels, self.held_out.weights)


class _Search:
    """The penalties that were tried so far."""

    def __init__(self, folds: Sequence[_Fold], unit: float) -> None:
        self.losses: dict[float, float] = {}
        self.best = 0.0
        self.heads: Sequence[core.Head] = []  # of the folds, under the best penalty
        self._folds = folds
        self._unit = unit
        self._count = sum(fold.held_out.count() for fold in folds)

    def attempt(self, penalty: float) -> bool:
        """Tries a penalty; returns whether the lowest loss has fallen noticeably."""
        lowest = self.losses.get(self.best, np.inf)
        penalty *= self._unit
        answers = _of_each(self._folds, lambda fold: fold.answer(penalty / fold.count))
        loss = sum(each.loss for each in answers) / self._count
        self.losses[penalty] = loss
        if loss < lowest:
            self.best, self.heads = penalty, [fold.head.copy() for fold in self._folds]
        return loss < lowest - _NOTICEABLE

    def attempts_since_best(self) -> int:
        return len(self.losses) - 1 - list(self.losses).index(self.best)

    def falls_towards(self, edge: float, beside: float) -> bool:
        """Returns whether an end is the best, and noticeably better than what is beside it."""
        edge, beside = edge * self._unit, beside * self._unit
        return (
            self.best == edge
            and beside in self.losses
            and self.losses[edge] < self.losses[beside] - _NOTICEABLE
        )


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
    # Weights of 0.01 each, or of 100, choose the same head as weights of 1.
    unit = training.count() / len(training.data)
    folds = _make_folds(training, validation, generator)
    if not folds:
        return PenaltyChoice(_PENALTY_WITHOUT_VALIDATION * unit, {}, training.zero_head())
    search = _Search(folds, unit)
    # Penalties become weaker. Each fit of a fold starts from its fit under the penalty before.
    for penalty in _PENALTIES:
        search.attempt(penalty)
        if search.attempts_since_best() == _PATIENCE:
            break
    at_edge = False
    if search.falls_towards(_PENALTIES[-1], _PENALTIES[-2]):
        at_edge = all(search.attempt(penalty) for penalty in _WEAKER)
    elif search.falls_towards(_PENALTIES[0], _PENALTIES[1]):
        at_edge = all(search.attempt(penalty) for penalty in _STRONGER)
    temperature = 1.0
    if training.work <= MAX_WORK_FOR_FOLDS:
        temperature = _temperature(folds, search, training.count(), unit)
    return PenaltyChoice(search.best, search.losses, search.heads[0], temperature, at_edge)


def _temperature(folds: Sequence[_Fold], search: _Search, count: float, unit: float) -> float:
    """Fits the heads of the folds to the end, and returns the temperature that suits them.

    During the search they end early, with probabilities closer to each other. Here they have the
    penalty on each row that the head of all rows will have, whose logits are as large then.
    """
    for fold, head in zip(folds, search.heads, strict=True):
        fold.head = head
    answers = _of_each(
        folds, lambda fold: fold.answer(search.best / count, _TOLERANCE, _MIN_DECREASE)
    )
    return choose_temperature(answers, unit)


def _of_each(
    folds: Sequence[_Fold], answer: Callable[[_Fold], HeldOutAnswers]
) -> Sequence[HeldOutAnswers]:
    threads = min(core.num_threads(), len(folds))
    if threads == 1:  # in this thread, in which Ctrl-C stops even a long fit
        return [answer(fold) for fold in folds]
    # A fold is too small to keep several threads busy, so each thread takes another fold.
    with ThreadPoolExecutor(threads) as executor:
        return list(executor.map(answer, folds))


def _make_folds(
    training: TrainingSet, validation: LabeledEmbeddings | None, generator: np.random.Generator
) -> Sequence[_Fold]:
    labels = training.data.labels
    if validation is not None:
        every_row = np.arange(len(labels), dtype=np.uint32)
        held_out = replace(training, data=validation, sample_weights=None)
        return [_Fold(training, every_row, held_out, core.num_threads())]
    number = fold_numbers(labels, training.groups, generator)
    count = FOLDS if training.work <= MAX_WORK_FOR_FOLDS else 1
    threads = max(1, core.num_threads() // count)
    return [
        _Fold(
            training,
            np.flatnonzero(number != fold).astype(np.uint32),
            training.part(np.flatnonzero(number == fold)),
            threads,
        )
        for fold in range(count)
        if fold in number
    ]
