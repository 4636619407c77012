"""Worker processes, each with one contender that is ready to be timed.

Numeric libraries choose threads and instruction sets when they are first imported, so a contender
with different ones needs its own process. All contenders are prepared first and then timed in turn.
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

_task: Task  # in a worker process: the task that was prepared


class Worker:
    """A process with its own number of threads and environment variables."""

    def __init__(self, threads: int, environment: Mapping[str, str] | None = None) -> None:
        """Starts the process.

        Args:
            threads: How many processors it may use, and how many threads its libraries start.
            environment: More environment variables, set before anything is imported.
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
        """Calls a function of a module in the process, and returns the result."""
        return self._pool.submit(function, *args, **kwargs).result()

    def prepare(self, make: Callable[..., Task], *args: Any) -> None:
        """Makes the task that :meth:`time` times, and runs it once to warm up."""
        self.call(_prepare, make, args)

    def time(self, seconds: float) -> float:
        """Returns the median time of the task in seconds, repeating it for about ``seconds``."""
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
