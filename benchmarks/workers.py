"""Processes that each hold one contender, ready to be timed.

Numeric libraries choose threads and instruction sets when they are first imported, so a contender
that is to run with other ones needs a process of its own. Which process a contender runs in makes
no difference to how it is measured: all are prepared first and then timed in turn.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Task = Callable[[], object]

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CORAL_LEARN_NUM_THREADS",
)

_task: Task  # in a worker's process: what it was prepared for


def available_processors() -> int:
    """Returns how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Worker:
    """A process with a number of threads and environment variables of its own."""

    def __init__(self, threads: int, environment: Mapping[str, str] | None = None) -> None:
        """Starts the process.

        Args:
            threads: How many processors it may use, and how many threads its libraries start.
            environment: Further environment variables, set before anything is imported.
        """
        variables = {name: str(threads) for name in _THREAD_VARIABLES} | dict(environment or {})
        self._pool = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), _limit, (threads, variables)
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown()

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Returns what a function of some module returns in the process."""
        return self._pool.submit(function, *args, **kwargs).result()

    def prepare(self, make: Callable[..., Task], *args: Any) -> None:
        """Makes the task that :meth:`time` times, and does it once to warm up."""
        self.call(_prepare, make, args)

    def time(self, seconds: float) -> float:
        """Returns how long the task takes, in seconds: the median of what fits in ``seconds``."""
        return self.call(_time, seconds)


def _limit(threads: int, variables: dict[str, str]) -> None:
    os.environ.update(variables)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def _prepare(make: Callable[..., Task], args: tuple[Any, ...]) -> None:
    global _task
    _task = make(*args)
    _task()


def _time(seconds: float) -> float:
    taken: list[float] = []
    while sum(taken) < seconds:
        start = time.perf_counter()
        _task()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
