"""Training with SGD, compared with NumPy, PyTorch, scikit-learn and the machine's limit."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec

from coral_learn.machine import usable_cpus

from .figures import Figure, Note, cost, speed
from .machine import SGEMM_FLOPS, sgemm
from .settings import Settings
from .synthetic import Stored
from .timing import Series, geometric_mean, times_in_turn
from .trainers import (
    Case,
    Trainer,
    loss_lowered,
    train_ours,
    train_with_numpy,
    train_with_pytorch,
    train_with_scikit_learn,
)
from .workers import Task, Worker

PART = "training"

_PYCORALS_GRID = (Case(4, 256), Case(16, 256), Case(4, 1024), Case(16, 1024))
_BEYOND = (Case(5, 1024), Case(100, 1024), Case(1000, 1280))
_QUICK = (Case(4, 256, iterations=20), Case(16, 256, iterations=20))
_MAX_CLASSES_OF_SCIKIT_LEARN = 100  # with more it takes minutes

# Targets by case
_OVER_NUMPY = {"100:1024": 1.6}
_OVER_NUMPY_ELSEWHERE = 1.3
_OVER_NUMPY_ON_GRID = 5.0
_OF_THE_LIMIT = {"16:1024": 1.6, "100:1024": 1.4, "1000:1280": 1.4}
_OVER_ONE_THREAD = {"100:1024": 1.6, "1000:1280": 1.6}


@dataclass(frozen=True)
class _Contender:
    name: str
    make: Callable[[Case], Task]
    threads: int = 1
    stored: Stored = "float32"


def _limit(case: Case) -> Task:
    return sgemm()


_OURS = _Contender("coral-learn", train_ours)
_OURS_UINT8 = replace(_OURS, stored="uint8")
_NUMPY = _Contender("NumPy", train_with_numpy)
_PYTORCH = _Contender("PyTorch", train_with_pytorch)
_SCIKIT_LEARN = _Contender("scikit-learn", train_with_scikit_learn)
_SGEMM = _Contender("SGEMM limit", _limit)
_SAME_WORK: dict[_Contender, Trainer] = {
    _OURS: train_ours,
    _NUMPY: train_with_numpy,
    _PYTORCH: train_with_pytorch,
}

_Workers = Mapping[_Contender, Worker]
_Times = Mapping[_Contender, Series]


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Times pycoral's own grid and larger cases: 1024 rows, 500 iterations, batches of 100."""
    peers = [_NUMPY]
    for peer, module in ((_PYTORCH, "torch"), (_SCIKIT_LEARN, "sklearn")):
        if find_spec(module):
            peers.append(peer)
        else:
            yield Note(PART, f"{peer.name} is not installed and was left out")
    contenders = [_OURS, _OURS_UINT8, *peers, _SGEMM]
    if usable_cpus() > 1:
        contenders += [replace(c, threads=usable_cpus()) for c in (_OURS, *peers)]

    on_grid = []
    with ExitStack() as stack:
        workers = {c: stack.enter_context(Worker(c.threads)) for c in contenders}
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
        contender.name: workers[contender].call(loss_lowered, trainer, case)
        for contender, trainer in _SAME_WORK.items()
        if contender in workers
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
    threads = "1 thread" if peer.threads == 1 else f"{peer.threads} threads"
    ours = times[replace(_OURS, threads=peer.threads)]
    return speed(PART, f"{case}, {threads}", ours, peer.name, times[peer], target)
