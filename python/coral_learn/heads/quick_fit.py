"""A head in three or four rounds of questions to shards, where a fit takes many."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial, reduce
from operator import add
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import BiasVector, WeightMatrix
from .buckets import BUCKETS
from .discriminant import ClassSums, covariance_within, discriminant
from .fold_table import NEVER_HELD_OUT, Fold
from .folds import FOLDS
from .length_normalization import are_few, common_length
from .shard import LossSums, Moments, Shard, ShardError, ShardLostError
from .shard_set import Member, ShardLeftError, ShardSet

# Logits are too large by a factor that grows with the features, and falls with the rows.
_TEMPERATURES = tuple(float(each) for each in np.exp2(np.arange(-2, 12.01, 0.25)))
_SHRINKAGES = (0.3, 3.0)
_CERTAIN = 60.0  # a bias with which a class has all of the probability
_MAX_THREADS = 64  # that wait for shards
_FOLD_OF_BUCKET = np.arange(BUCKETS) * FOLDS // BUCKETS  # ranges, because sketches are over ranges

_Answer = TypeVar("_Answer")
_Floats = NDArray[np.float64]


def fit_quickly(
    shards: Sequence[Shard],
    features: int,
    classes: int,
    on_lost: Callable[[int, ShardLostError], object],
) -> tuple[WeightMatrix, BiasVector]:
    """Returns the weights, [C, D], and biases, [C], of a linear discriminant analysis.

    How far its covariance is shrunk, and what its logits are divided by, is what gives rows that
    were held out the lowest loss.

    Args:
        shards: At least one, without weights of classes.
        features: D.
        classes: C, at least 2.
        on_lost: Called with the place of a shard that is lost, and why.

    Raises:
        ShardError: A shard does not fit to the others, or failed; or all were lost.
        ValueError: A class has no row, or none has two that differ.
    """
    members = [Member(index, shard) for index, shard in enumerate(shards)]
    while members:
        executor = ThreadPoolExecutor(
            min(_MAX_THREADS, len(_SHRINKAGES) * (FOLDS + 1) * len(members))
        )
        try:
            return _QuickFit(members, features, classes, executor).run()
        except ShardLeftError as left:
            on_lost(left.member.index, left.error)
            members.remove(left.member)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
    raise ShardError("all shards have been lost")


class _QuickFit:
    """A head, from what is asked of all members at once, some questions together."""

    def __init__(
        self, members: Sequence[Member], features: int, classes: int, executor: ThreadPoolExecutor
    ) -> None:
        self._members = members
        self._features = features
        self._classes = classes
        self._executor = executor
        self._unit_length = False

    def run(self) -> tuple[WeightMatrix, BiasVector]:
        with closing(ShardSet(self._members, self._features, self._classes)) as held:
            rows, weights = held.rows, held.weights
        if not weights.sum(axis=1).all():
            raise ValueError("a class has no photos any more, because its board left. Begin again.")
        length = self._common_length(int(rows.sum()))
        self._unit_length = length is not None
        folds = _folds_of(rows)
        moments = [self._ask(partial(self._moments, end)) for end in _ends()]
        gradients = [self._gradients(fold) for fold in (*folds, None)]
        prefixes = [_total(each) for each in moments]
        sums = [
            _class_sums(weights if fold is None else weights * fold.training_cells, *asked)
            for fold, asked in zip((*folds, None), gradients, strict=True)
        ]
        shrinkage, temperature = self._choose(folds, prefixes, sums)
        covariance = covariance_within(prefixes[-1], sums[-1], shrinkage)
        if covariance is None or not folds:
            raise ValueError(
                "a head without a fit needs two photos of a class that differ. Add photos, or "
                "leave --quick out."
            )
        found, biases = discriminant(covariance, sums[-1])
        return _arrays(found / (temperature * (length or 1.0)), biases / temperature)

    def _common_length(self, rows: int) -> float | None:
        """Returns the length of embeddings, if they are to be divided by their own."""
        if not are_few(rows, self._classes):
            return None
        return common_length(_total(self._ask(lambda shard: shard.moments(1))))

    def _moments(self, end: int, shard: Shard) -> Moments:
        return shard.moments(end, unit_length=self._unit_length)

    def _gradients(self, fold: Fold | None) -> tuple[list[Future[LossSums]], ...]:
        """Asks for the gradients of two heads that look at no feature.

        To the first, all classes are as likely; the second is sure of the first class.
        """
        weights = np.zeros((self._classes, self._features), np.float32)
        equal, sure = np.zeros((2, self._classes), np.float32)
        sure[0] = _CERTAIN

        def ask(biases: NDArray[np.float32], shard: Shard) -> LossSums:
            return shard.loss_and_gradient(weights, biases, fold, unit_length=self._unit_length)

        return self._ask(partial(ask, equal)), self._ask(partial(ask, sure))

    def _choose(
        self, folds: Sequence[Fold], prefixes: Sequence[Moments], sums: Sequence[ClassSums]
    ) -> tuple[float, float]:
        """Returns how far to shrink the covariance, and what to divide logits by."""
        asked: list[list[list[Future[_Floats]]]] = [[] for _ in _SHRINKAGES]
        for fold, trained in zip(folds, sums, strict=False):
            moments = _without(prefixes, fold.number)
            for place, shrinkage in enumerate(_SHRINKAGES):
                covariance = covariance_within(moments, trained, shrinkage)
                if covariance is not None:
                    head = _arrays(*discriminant(covariance, trained))
                    asked[place].append(self._ask(partial(self._held_out, head, fold)))
        none = np.zeros(len(_TEMPERATURES))
        losses = [sum(map(_total, each), none) for each in asked]
        best, step = divmod(int(np.argmin(losses)), len(_TEMPERATURES))
        return _SHRINKAGES[best], _TEMPERATURES[step]

    def _held_out(self, head: tuple[WeightMatrix, BiasVector], fold: Fold, shard: Shard) -> _Floats:
        return shard.held_out_loss(*head, fold, _TEMPERATURES, unit_length=self._unit_length).losses

    def _ask(self, question: Callable[[Shard], _Answer]) -> list[Future[_Answer]]:
        return [self._executor.submit(member.ask, question) for member in self._members]


def _total(asked: Sequence[Future[_Answer]]) -> _Answer:
    return reduce(add, [each.result() for each in asked])


def _ends() -> list[int]:
    """Returns the bucket at which each fold ends."""
    return [int(np.searchsorted(_FOLD_OF_BUCKET, fold, "right")) for fold in range(FOLDS)]


def _folds_of(rows: NDArray[np.int64]) -> list[Fold]:
    """Returns the folds, without rows of a class that would all be in one."""
    table = np.tile(_FOLD_OF_BUCKET, (len(rows), 1)).astype(np.int8)
    for label, counts in enumerate(rows):
        if len(set(_FOLD_OF_BUCKET[counts > 0].tolist())) < 2:
            table[label] = NEVER_HELD_OUT
    return [Fold(table, fold) for fold in range(FOLDS) if rows[table == fold].any()]


def _class_sums(
    weights: _Floats, equal: Sequence[Future[LossSums]], sure: Sequence[Future[LossSums]]
) -> ClassSums:
    """Returns sums over the rows of each class, from the gradients of two heads.

    With the total t of all rows, they are t / C - (total of a class), and t - (total of the first).
    """
    classes = len(weights)
    of_equal, of_sure = _total(equal).weight_gradient, _total(sure).weight_gradient
    total = (of_sure[0] - of_equal[0]) * classes / (classes - 1)
    return ClassSums(weights.sum(axis=1), total / classes - of_equal)


def _without(prefixes: Sequence[Moments], fold: int) -> Moments:
    """Returns the moments of all rows, with a sketch over those that are not in a fold.

    Args:
        prefixes: The moments with sketches that end where each fold does.
        fold: The number of the fold.
    """
    whole, end = prefixes[-1], prefixes[fold]
    sketch, rows = whole.sketch - end.sketch, whole.sketch_rows - end.sketch_rows
    if fold > 0:
        before = prefixes[fold - 1]
        sketch, rows = sketch + before.sketch, rows + before.sketch_rows
    return replace(whole, sketch=sketch, sketch_rows=rows)


def _arrays(weights: _Floats, biases: _Floats) -> tuple[WeightMatrix, BiasVector]:
    return weights.astype(np.float32), biases.astype(np.float32)
