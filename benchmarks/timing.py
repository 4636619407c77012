"""Comparing the times of several contenders, which are measured in turn.

The speed of a shared machine changes by 30% from minute to minute. Ratios are therefore computed
within each round, from measurements that are seconds apart, and the median of the rounds counts.
"""

import functools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .workers import Worker

K = TypeVar("K")

_PATIENCE = 8.0  # seconds; a contender that takes longer is measured in the first round only


@dataclass(frozen=True)
class Series:
    """The times of one contender, in seconds, round by round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure to show for the contender itself."""
        return statistics.median(self.rounds)

    def times(self, factor: float) -> "Series":
        """Returns the series of something that takes ``factor`` times as long."""
        return Series(tuple(factor * value for value in self.rounds))


@dataclass(frozen=True)
class Ratio:
    """The median over rounds of one contender's time over another's, and the extremes."""

    median: float
    low: float
    high: float


def in_turn(contenders: Mapping[K, Callable[[], float]], rounds: int) -> dict[K, Series]:
    """Measures each contender once per round.

    Args:
        contenders: Functions that measure something and return it, such as seconds.
        rounds: The number of rounds.
    """
    measured: dict[K, list[float]] = {name: [] for name in contenders}
    for done in range(rounds):
        for name, measure in contenders.items():
            if done == 0 or measured[name][0] <= _PATIENCE:
                measured[name].append(measure())
    return {name: Series(tuple(values)) for name, values in measured.items()}


def times_in_turn(workers: Mapping[K, Worker], seconds: float, rounds: int) -> dict[K, Series]:
    """Times the prepared tasks of workers, each once per round."""
    measures = {name: functools.partial(worker.time, seconds) for name, worker in workers.items()}
    return in_turn(measures, rounds)


def ratio(numerator: Series, denominator: Series) -> Ratio:
    """Returns how many times as long as the denominator the numerator took."""
    paired = zip(numerator.rounds, denominator.rounds, strict=False)
    quotients = [above / below for above, below in paired]
    return Ratio(statistics.median(quotients), min(quotients), max(quotients))


def added(first: Series, second: Series) -> Series:
    """Returns the time of two tasks one after the other, round by round."""
    rounds = zip(first.rounds, second.rounds, strict=False)
    return Series(tuple(sum(times) for times in rounds))


def geometric_mean(series: Sequence[Series]) -> Series:
    """Returns the geometric mean of a contender's times over several cases, round by round."""
    rounds = zip(*(one.rounds for one in series), strict=True)
    return Series(tuple(statistics.geometric_mean(values) for values in rounds))
