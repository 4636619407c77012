"""Training on 1e3 to 1e6 rows: time and memory, float32 and uint8."""

from collections.abc import Iterator

from coral_learn.machine import usable_cpus

from . import memory
from .figures import Figure, Note, Quantity, Target, exactly, speed
from .settings import Settings
from .synthetic import Stored
from .timing import times_in_turn
from .trainers import Case, train_ours
from .workers import Worker

PART = "sizes"

_CLASSES, _FEATURES = 5, 1024
_ROWS = (1_000, 10_000, 100_000, 1_000_000)
_QUICK_ROWS = (1_000,)
_KINDS: tuple[Stored, Stored] = ("float32", "uint8")

_UINT8_OVER_FLOAT32 = {100_000: 1.0}
_PEAK_OVER_EMBEDDINGS = {100_000: 1.15, 1_000_000: 1.15}


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Trains for 500 iterations with all threads, and measures time and memory."""
    if not memory.can_measure():
        yield Note(PART, "this system does not report the peak memory of a process")
    for rows in _QUICK_ROWS if settings.quick else _ROWS:
        cases = {kind: Case(_CLASSES, _FEATURES, kind, rows=rows) for kind in _KINDS}
        yield from _times(cases, settings)
        if memory.can_measure():
            for case in cases.values():
                yield _peak(case)


def _times(cases: dict[Stored, Case], settings: Settings) -> Iterator[Figure]:
    with Worker(usable_cpus()) as float32, Worker(usable_cpus()) as uint8:
        float32.prepare(train_ours, cases["float32"])
        uint8.prepare(train_ours, cases["uint8"])
        times = times_in_turn(
            {"float32": float32, "uint8": uint8}, settings.seconds, settings.rounds
        )
    rows = cases["uint8"].rows
    yield speed(
        PART,
        f"{_name(rows)}, time, uint8",
        times["uint8"],
        "float32",
        times["float32"],
        _UINT8_OVER_FLOAT32.get(rows),
    )


def _peak(case: Case) -> Figure:
    with Worker(usable_cpus()) as worker:
        peak = worker.call(_peak_of_training, case)
    embeddings = case.rows * case.features * (4 if case.stored == "float32" else 1)
    reach = _PEAK_OVER_EMBEDDINGS.get(case.rows)
    return Figure(
        part=PART,
        what=f"{_name(case.rows)}, peak memory, {case.stored}",
        ours=Quantity(peak, "B"),
        against="embeddings",
        theirs=Quantity(embeddings, "B"),
        result=exactly(peak / embeddings),
        meaning="x the memory",
        target=None if reach is None else Target(reach, "at most"),
    )


def _peak_of_training(case: Case) -> int:
    """Returns the peak memory of a training, including the embeddings. Needs a new process."""
    train_ours(Case(case.classes, case.features, case.stored, rows=case.batch, iterations=1))()
    before = memory.resident()
    train = train_ours(case)
    memory.reset_peak()
    train()
    return memory.peak() - before


def _name(rows: int) -> str:
    return f"{rows:.0e} x {_FEATURES}".replace("e+0", "e")
