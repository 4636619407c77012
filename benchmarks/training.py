"""Training with SGD, compared with other libraries and the machine's limit."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from coral_learn.machine import usable_cpus

from .eigen import EigenMissingError, compile_trainer, train_with_eigen
from .figures import Figure, Note, cost, speed
from .machine import SGEMM_FLOPS, sgemm
from .settings import Settings
from .synthetic import Stored
from .timing import Series, geometric_mean, times_in_turn
from .trainers import (
    Case,
    loss_lowered,
    train_ours,
    train_with_numpy,
    train_with_pytorch,
    train_with_scikit_learn,
)
from .workers import Task, Worker

PART = "training"

_PYCORALS_GRID = (Case(4, 256), Case(16, 256), Case(4, 1024), Case(16, 1024))
_BEYOND = (
    *(Case(classes, 1024) for classes in (2, 5, 8, 12, 32, 64, 100)),
    Case(300, 1024, iterations=200),
    Case(1000, 1280, iterations=200),
)
_QUICK = (Case(4, 256, iterations=20), Case(16, 256, iterations=20))
_MAX_CLASSES_OF_SCIKIT_LEARN = 16  # with 100 it takes ten seconds

# Targets by case
_OVER_NUMPY = {"100:1024": 1.2}
_OVER_NUMPY_ELSEWHERE = 1.1
_OVER_NUMPY_ON_GRID = 4.0
_OVER_EIGEN = 1.0
_OF_THE_LIMIT = {"16:1024": 1.5, "100:1024": 1.25, "1000:1280": 1.2}
_OVER_ONE_THREAD = {"100:1024": 1.7, "300:1024": 1.7, "1000:1280": 1.7}


@dataclass(frozen=True)
class _Contender:
    """What is timed, and how.

    Attributes:
        name: The name in the table.
        make: Returns the task for a case.
        same_work: Whether it must lower the loss by as much as the others.
        threads: How many threads it may use.
        stored: The type of the embeddings.
    """

    name: str
    make: Callable[[Case], Callable[[], Any]]
    same_work: bool = True
    threads: int = 1
    stored: Stored = "float32"


def _limit(case: Case) -> Task:
    return sgemm()


_OURS = _Contender("coral-learn", train_ours)
_OURS_UINT8 = replace(_OURS, stored="uint8")
_NUMPY = _Contender("NumPy", train_with_numpy)
_PYTORCH = _Contender("PyTorch", train_with_pytorch)
_SCIKIT_LEARN = _Contender("scikit-learn", train_with_scikit_learn, same_work=False)
_SGEMM = _Contender("SGEMM limit", _limit, same_work=False)
_EIGEN = "plain Eigen"

_Workers = Mapping[_Contender, Worker]
_Times = Mapping[_Contender, Series]


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Times pycoral's own grid and larger cases: 1024 rows, batches of 100."""
    with ExitStack() as stack:
        alone = [_OURS, _OURS_UINT8, _SGEMM]
        try:
            alone.append(_eigen(Path(stack.enter_context(TemporaryDirectory()))))
        except EigenMissingError as missing:
            yield Note(PART, f"{_EIGEN} was left out: {missing}")
        peers = [_NUMPY]
        for peer, module in ((_PYTORCH, "torch"), (_SCIKIT_LEARN, "sklearn")):
            if find_spec(module):
                peers.append(peer)
            else:
                yield Note(PART, f"{peer.name} is not installed and was left out")
        contenders = [*alone, *peers]
        if usable_cpus() > 1:
            contenders += [replace(c, threads=usable_cpus()) for c in (_OURS, *peers)]
        workers = {c: stack.enter_context(Worker(c.threads)) for c in contenders}
        yield from _compare(workers, settings)


def _eigen(folder: Path) -> _Contender:
    return _Contender(_EIGEN, functools.partial(train_with_eigen, compile_trainer(folder)))


def _compare(workers: _Workers, settings: Settings) -> Iterator[Figure]:
    on_grid = []
    for case in _QUICK if settings.quick else _PYCORALS_GRID + _BEYOND:
        times = _time(case, workers, settings)
        if case in _PYCORALS_GRID:
            on_grid.append(times)
        yield from _figures(case, times)
    if on_grid:
        ours, theirs = (geometric_mean([times[c] for times in on_grid]) for c in (_OURS, _NUMPY))
        what = "geometric mean over pycoral's grid, 1 thread"
        yield speed(PART, what, ours, _NUMPY.name, theirs, _OVER_NUMPY_ON_GRID)


def _time(case: Case, workers: _Workers, settings: Settings) -> _Times:
    entrants = {
        contender: worker
        for contender, worker in workers.items()
        if contender.name != _SCIKIT_LEARN.name or case.classes <= _MAX_CLASSES_OF_SCIKIT_LEARN
    }
    _check_same_work(case, entrants)
    for contender, worker in entrants.items():
        worker.prepare(contender.make, replace(case, stored=contender.stored))
    return times_in_turn(entrants, settings.seconds, settings.rounds)


def _check_same_work(case: Case, workers: _Workers) -> None:
    lowered = {
        contender.name: worker.call(loss_lowered, contender.make, case)
        for contender, worker in workers.items()
        if contender.same_work and contender.threads == 1 and contender.stored == "float32"
    }
    if not 0 < max(lowered.values()) < 1.2 * min(lowered.values()):
        raise RuntimeError(f"{case}: training lowers the loss by different amounts: {lowered}")


def _figures(case: Case, times: _Times) -> Iterator[Figure]:
    ours = times[_OURS]
    for contender in times:
        if contender.name not in (_OURS.name, _SGEMM.name):
            yield _against_peer(case, contender, times)
    limit = times[_SGEMM].times(case.flops / SGEMM_FLOPS)
    target = _OF_THE_LIMIT.get(str(case))
    yield cost(PART, f"{case}, 1 thread", ours, _SGEMM.name, limit, target)
    yield cost(PART, f"{case}, 1 thread, uint8", times[_OURS_UINT8], "float32", ours)
    threads = usable_cpus()
    if threads > 1:
        threaded = times[replace(_OURS, threads=threads)]
        target = _OVER_ONE_THREAD.get(str(case))
        yield speed(PART, f"{case}, {threads} threads", threaded, "1 thread", ours, target)


def _against_peer(case: Case, peer: _Contender, times: _Times) -> Figure:
    target = None
    if peer == _NUMPY:
        target = _OVER_NUMPY.get(str(case), _OVER_NUMPY_ELSEWHERE)
    elif peer.name == _EIGEN:
        target = _OVER_EIGEN
    threads = "1 thread" if peer.threads == 1 else f"{peer.threads} threads"
    ours = times[replace(_OURS, threads=peer.threads)]
    return speed(PART, f"{case}, {threads}", ours, peer.name, times[peer], target)
