"""The kernels for each instruction set of this processor, compared with the best of them."""

from collections.abc import Iterator
from contextlib import ExitStack

from coral_learn import build_info

from .figures import Figure, Note, cost
from .settings import Settings
from .timing import times_in_turn
from .trainers import Case, train_ours
from .workers import Worker

PART = "kernels"

_VARIABLE = "CORAL_LEARN_INSTRUCTION_SET"
_CASES = (Case(4, 256), Case(16, 1024), Case(16, 1024, "uint8"), Case(100, 1024))
_QUICK_CASES = (Case(4, 256, iterations=20),)
_OVER_BEST = {"avx2": 2.0, "sse2": 6.0}


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Times training with one thread."""
    best, *others = build_info()["runnable_instruction_sets"]
    if not others:
        yield Note(PART, f"this processor runs the {best} kernels only")
        return
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(threads=1, environment={_VARIABLE: name}))
            for name in (best, *others)
        }
        for name, worker in workers.items():
            if worker.call(build_info)["instruction_set"] != name:
                raise RuntimeError(f"{_VARIABLE}={name} does not choose {name}")
        for case in _QUICK_CASES if settings.quick else _CASES:
            for worker in workers.values():
                worker.prepare(train_ours, case)
            times = times_in_turn(workers, settings.seconds, settings.rounds)
            for name in others:
                what = f"{case}, {case.stored}, {name}"
                yield cost(PART, what, times[name], best, times[best], _OVER_BEST.get(name))
