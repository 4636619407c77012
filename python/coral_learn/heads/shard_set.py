"""All shards of a fit together: what they hold, and the sums over all of their rows."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from . import core
from .buckets import BUCKETS
from .fold_table import Fold
from .memory_shard import MemoryShard
from .moments import variation_of
from .shard import (
    HeldOutSums,
    LossSums,
    Moments,
    Shard,
    ShardChangedError,
    ShardError,
    ShardLostError,
)
from .shard_checks import check_description, check_held_out, check_loss_sums, check_moments, name_of

_SKETCHED_ROWS = 1024  # from which the preconditioner comes
_MAX_THREADS = 64  # that wait for shards
_Answer = TypeVar("_Answer")


class ShardLeftError(Exception):
    """A shard has been lost in the middle of a fit.

    Attributes:
        member: The shard.
        error: What it raised.
    """

    def __init__(self, member: "Member", error: ShardLostError) -> None:
        super().__init__(str(error))
        self.member = member
        self.error = error


@dataclass(frozen=True, eq=False)
class Member:
    """A shard of a fit.

    Attributes:
        index: Its place among those that were given.
        shard: The shard.
    """

    index: int
    shard: Shard

    def ask(self, question: Callable[[Shard], _Answer]) -> _Answer:
        """Asks the shard, and says which one it was if it cannot answer."""
        try:
            return question(self.shard)
        except ShardLostError as error:
            raise ShardLeftError(self, error) from error
        except ShardChangedError:
            raise
        except Exception as error:
            if isinstance(self.shard, MemoryShard):  # its message says it all
                raise
            raise ShardError(
                f"{name_of(self.index)}: {str(error) or type(error).__name__}"
            ) from error


class ShardSet:
    """The shards that a head is fitted to.

    Attributes:
        rows: The number of rows of each class and bucket, int64 [C, BUCKETS].
        weights: The sum of their sample weights, float64 [C, BUCKETS].
        grouped: Whether buckets are those of groups.
        features: D.
        quantized: Whether all embeddings are stored as bytes.
        unit_length: Whether all rows are divided by their lengths from now on.
    """

    def __init__(self, members: Sequence[Member], features: int, classes: int) -> None:
        """Asks the shards what they hold.

        Args:
            members: At least one shard.
            features: D, of the head.
            classes: C, of the head.

        Raises:
            ShardError: Shards do not fit together, or not to the head.
            ShardLeftError: A shard has been lost.
        """
        self.members = members
        self.features = features
        self.unit_length = False
        self._stopped = False
        self._moments: dict[bool, Moments] = {}  # by unit_length, as the next
        self._variations: dict[bool, core.Variation] = {}
        self.rows = np.zeros((classes, BUCKETS), np.int64)
        self.weights = np.zeros((classes, BUCKETS))
        workers = min(_MAX_THREADS, 5 * len(members))
        self._executor = ThreadPoolExecutor(workers) if len(members) > 1 else None
        descriptions = self._of_each(lambda shard: shard.describe())
        self.grouped = descriptions[0].grouped
        self.quantized = all(description.quantized for description in descriptions)
        for member, description in zip(members, descriptions, strict=True):
            check_description(description, member.index, features, classes, self.grouped)
            held = len(description.rows)
            self.rows[:held] += description.rows
            self.weights[:held] += description.weights
        if self.rows.sum() == 0:
            raise ShardError("the shards hold no rows")

    @property
    def classes(self) -> int:
        """C, the number of classes of the head."""
        return len(self.rows)

    @property
    def work(self) -> int:
        """Rows x features x classes, which the time of an iteration of a fit grows with."""
        return int(self.rows.sum()) * self.features * self.classes

    @property
    def in_memory(self) -> bool:
        """Whether the core sums the losses of all shards itself."""
        return all(isinstance(member.shard, MemoryShard) for member in self.members)

    def zero_head(self) -> core.Head:
        """Returns a head of zeros to start from."""
        weights = np.zeros((self.classes, self.features), np.float32)
        return core.Head(weights, np.zeros(self.classes, np.float32))

    @property
    def unit(self) -> float:
        """The weight of an ordinary row, as a power of two.

        Weights of 1/64 each, or of 64, choose the same head as weights of 1. That equal rows may
        have been merged on one shard, and not on another, changes nothing.
        """
        return float(2.0 ** np.rint(np.log2(self.weights.sum() / self.rows.sum())))

    @property
    def moments(self) -> Moments:
        """The moments of all rows, whose sketch is over about 1024 rows."""
        if self.unit_length not in self._moments:
            self._moments[self.unit_length] = self._ask_for_moments()
        return self._moments[self.unit_length]

    @property
    def variation(self) -> core.Variation:
        """How the embeddings of all rows vary."""
        if self.unit_length not in self._variations:
            self._variations[self.unit_length] = variation_of(self.moments)
        return self._variations[self.unit_length]

    def _ask_for_moments(self) -> Moments:
        by_bucket = np.cumsum(self.rows.sum(axis=0))
        enough = int(np.searchsorted(by_bucket, _SKETCHED_ROWS)) + 1
        buckets = BUCKETS if by_bucket[-1] <= 2 * _SKETCHED_ROWS else enough
        unit_length = self.unit_length
        answers = self._of_each(lambda shard: shard.moments(buckets, unit_length=unit_length))
        for member, answer in zip(self.members, answers, strict=True):
            check_moments(answer, member.index, self.features)
        return reduce(add, answers)

    def fit_to(self, fold: Fold | None, threads: int) -> core.HeadFit:
        """Returns an object that fits heads to the rows that a fold trains on; None for all.

        Args:
            fold: The fold.
            threads: How many the core may use for it.
        """
        if self.in_memory:
            shards = [cast(MemoryShard, member.shard) for member in self.members]
            parts = [
                each.row_sums(self.classes, fold, self.unit_length, threads) for each in shards
            ]
            return core.HeadFit(self.classes, self.variation, parts)

        def loss(
            weights: NDArray[np.float32], biases: NDArray[np.float32]
        ) -> tuple[float, NDArray[np.float64], NDArray[np.float64], float]:
            sums = self._loss_and_gradient(weights, biases, fold)
            return sums.loss, sums.weight_gradient, sums.bias_gradient, sums.weight

        return core.HeadFit(self.classes, self.variation, loss)

    def _loss_and_gradient(
        self, weights: NDArray[np.float32], biases: NDArray[np.float32], fold: Fold | None
    ) -> LossSums:
        unit_length = self.unit_length
        answers = self._of_each(
            lambda shard: shard.loss_and_gradient(weights, biases, fold, unit_length=unit_length)
        )
        for member, answer in zip(self.members, answers, strict=True):
            check_loss_sums(answer, member.index, weights.shape)
        return reduce(add, answers)

    def held_out_loss(
        self, head: core.Head, fold: Fold | None, temperatures: Sequence[float] = (1.0,)
    ) -> HeldOutSums:
        """Returns the losses of the rows that a fold holds out; None for all rows."""
        weights, biases = core.arrays_of(head, (self.classes, self.features))
        unit_length = self.unit_length
        answers = self._of_each(
            lambda shard: shard.held_out_loss(
                weights, biases, fold, temperatures, unit_length=unit_length
            )
        )
        for member, answer in zip(self.members, answers, strict=True):
            check_held_out(answer, member.index, len(temperatures))
        return reduce(add, answers)

    def stop(self) -> None:
        """Lets fits on other threads end with an error at their next request to shards."""
        self._stopped = True

    def close(self) -> None:
        """Ends the threads that wait for shards."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _of_each(self, question: Callable[[Shard], _Answer]) -> list[_Answer]:
        """Asks all shards at once; the answers are in their order, so that sums are the same."""
        if self._stopped:
            raise RuntimeError("the fit has been stopped")
        if self._executor is None or self.in_memory:
            return [member.ask(question) for member in self.members]
        return list(self._executor.map(lambda member: member.ask(question), self.members))
