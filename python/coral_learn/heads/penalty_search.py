"""The search for the L2 penalty of a fit, by cross-validation or on validation data."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from . import core
from .fold_table import Fold, deal_folds
from .folds import FOLDS, MAX_WORK_FOR_FOLDS
from .shard_set import ShardSet
from .temperature import choose_temperature

# Penalties on the sum of the losses of all rows, for embeddings of spread 1; each is about a third
# of the one before. Accuracy hardly changes around the best of them, so a finer grid gains nothing.
_PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
# Tried only if an end of those above is the best, and as long as the loss falls noticeably.
_STRONGER = (10.0, 30.0, 100.0, 300.0, 1000.0)
_WEAKER = (3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
# Smaller falls gain no accuracy, and make the head too sure of itself.
_NOTICEABLE, _NOTICEABLE_PART = 0.01, 0.05
_PENALTY_WITHOUT_VALIDATION = 0.01  # the best for one photo of each class
_SEARCH_TOLERANCE = 3e-3
# A fit of a fold ends when an iteration gains less. The bound on what is left to gain, from which
# the tolerance comes, is ten to thirty times too high for weak penalties.
_SEARCH_DECREASE = 1e-3
_TOLERANCE, _MIN_DECREASE = 1e-4, 1e-5  # of the fits that the temperature comes from
_SEARCH_ITERATIONS = 100
# Of more rows x features, a part is enough: the loss of so many held-out rows is known well, and
# the rest need not be read several times.
_MAX_SEARCH_VALUES = 1e8
_PATIENCE = 2  # stop after this many penalties in a row without an improvement

_Result = TypeVar("_Result")


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
        fit: What fitted the head, from which the fit to all rows can learn; None if nothing did.
    """

    penalty: float
    losses: dict[float, float]
    head: core.Head
    temperature: float = 1.0
    at_edge: bool = False
    fit: core.HeadFit | None = None


class _FoldFit:
    """A head that is fitted to the rows of all folds but one, and the rows that are held out."""

    def __init__(
        self,
        training: ShardSet,
        fold: Fold | None,
        held_out: ShardSet,
        threads: int,
    ) -> None:
        self.head = training.zero_head()
        self.count = _count(training, fold, held_out=False)
        self.held_out_count = _count(held_out, fold, held_out=True)
        self._fold = fold
        self._held_out = held_out
        self.head_fit = training.fit_to(fold, threads)

    def fit(
        self,
        l2_penalty: float,
        tolerance: float = _SEARCH_TOLERANCE,
        min_decrease: float = _SEARCH_DECREASE,
    ) -> None:
        """Fits the head, from where it is."""
        self.head_fit.run(
            self.head,
            l2_penalty=l2_penalty,
            tolerance=tolerance,
            min_decrease=min_decrease,
            max_iterations=_SEARCH_ITERATIONS,
            on_report=lambda iteration, loss: None,
        )

    def losses(self, temperatures: Sequence[float] = (1.0,)) -> NDArray[np.float64]:
        """Returns the summed losses of the held-out rows at each temperature."""
        return self._held_out.held_out_loss(self.head, self._fold, temperatures).losses


def _count(shards: ShardSet, fold: Fold | None, held_out: bool) -> float:
    if fold is None:
        return float(shards.weights.sum())
    cells = fold.held_out_cells if held_out else fold.training_cells
    return float(shards.weights[cells].sum())


class _Search:
    """The penalties that were tried so far."""

    def __init__(
        self,
        folds: Sequence[_FoldFit],
        unit: float,
        threads: int,
        stop: Callable[[], None],
    ) -> None:
        self.losses: dict[float, float] = {}
        self.best = 0.0
        self.heads: Sequence[core.Head] = []  # of the folds, under the best penalty
        self.folds = folds
        self._unit = unit
        self._threads = threads
        self._stop = stop
        self._count = sum(fold.held_out_count for fold in folds)

    def attempt(self, penalty: float) -> bool:
        """Tries a penalty; returns whether the lowest loss has fallen noticeably."""
        lowest = self.losses.get(self.best, np.inf)
        penalty *= self._unit

        def loss_of(fold: _FoldFit) -> float:
            fold.fit(penalty / fold.count)
            return float(fold.losses()[0])

        loss = sum(self.of_each(loss_of)) / self._count
        self.losses[penalty] = loss
        if loss < lowest:
            self.best, self.heads = penalty, [fold.head.copy() for fold in self.folds]
        return _is_noticeable(lowest, loss)

    def of_each(self, task: Callable[[_FoldFit], _Result]) -> Sequence[_Result]:
        """Does a task for every fold, several at once."""
        if self._threads == 1:  # in this thread, in which Ctrl-C stops even a long fit
            return [task(fold) for fold in self.folds]
        with ThreadPoolExecutor(self._threads) as executor:
            try:
                return list(executor.map(task, self.folds))
            except BaseException:  # Ctrl-C, or an error of one fold: the others need not go on
                self._stop()
                raise

    def attempts_since_best(self) -> int:
        return len(self.losses) - 1 - list(self.losses).index(self.best)

    def falls_towards(self, edge: float, beside: float) -> bool:
        """Returns whether an end is the best, and noticeably better than what is beside it."""
        edge, beside = edge * self._unit, beside * self._unit
        return (
            self.best == edge
            and beside in self.losses
            and _is_noticeable(self.losses[beside], self.losses[edge])
        )


def _is_noticeable(before: float, after: float) -> bool:
    return after < before - max(_NOTICEABLE, _NOTICEABLE_PART * after)


def choose_penalty(
    training: ShardSet, validation: ShardSet | None, generator: np.random.Generator
) -> PenaltyChoice:
    """Chooses the penalty with the lowest loss on rows that were not fitted.

    Args:
        training: The rows that the head will be fitted to.
        validation: The rows to compute the loss on; None for cross-validation.
        generator: Deals the rows to folds.
    """
    unit = training.unit
    folds = _make_folds(training, validation, generator)
    if not folds:
        return PenaltyChoice(_PENALTY_WITHOUT_VALIDATION * unit, {}, training.zero_head())
    # In memory, a fold is too small to keep several threads busy, so each thread takes another
    # fold. Elsewhere, the requests of all folds are on their way together.
    threads = min(core.num_threads(), len(folds)) if training.in_memory else len(folds)
    search = _Search(folds, unit, threads, training.stop)
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
        temperature = _temperature(search, float(training.weights.sum()), unit)
    return PenaltyChoice(
        search.best, search.losses, search.heads[0], temperature, at_edge, folds[0].head_fit
    )


def _temperature(search: _Search, count: float, unit: float) -> float:
    """Fits the heads of the folds to the end, and returns the temperature that suits them.

    During the search they end early, with probabilities closer to each other. Here they have the
    penalty on each row that the head of all rows will have, whose logits are as large then.
    """
    for fold, head in zip(search.folds, search.heads, strict=True):
        fold.head = head.copy()
    search.of_each(lambda fold: fold.fit(search.best / count, _TOLERANCE, _MIN_DECREASE))

    def losses_at(temperatures: Sequence[float]) -> NDArray[np.float64]:
        losses: NDArray[np.float64] = np.sum(
            search.of_each(lambda fold: fold.losses(temperatures)), axis=0
        )
        return losses

    return choose_temperature(losses_at, unit)


def _make_folds(
    training: ShardSet, validation: ShardSet | None, generator: np.random.Generator
) -> Sequence[_FoldFit]:
    if validation is not None:
        return [_FoldFit(training, None, validation, core.num_threads())]
    max_rows = _MAX_SEARCH_VALUES / training.features
    table = deal_folds(training.rows, training.grouped, max_rows, generator)
    count = FOLDS if training.work <= MAX_WORK_FOR_FOLDS else 1
    threads = max(1, core.num_threads() // count)
    return [
        _FoldFit(training, Fold(table, number), training, threads)
        for number in range(count)
        if (table == number).any()
    ]
