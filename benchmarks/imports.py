"""The time that importing the package and starting its commands take."""

import sys
from collections.abc import Iterator
from functools import partial

from . import starting
from .commands import output_of
from .figures import Figure, Note, Quantity, Target
from .settings import Settings
from .timing import Ratio, Series, in_turn

PART = "imports"

_MILLISECONDS = 60
_STATEMENTS = {
    "import coral_learn": Target(_MILLISECONDS, "at most"),
    "from coral_learn import SoftmaxRegression": None,
    "from coral_learn import EmbeddingExtractor": None,
    "import coral_learn.cli.app": None,
}
_PROGRAM = """
import time, numpy
start = time.perf_counter()
{}
print(time.perf_counter() - start)
"""


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Times imports in new processes that have already imported NumPy, and whole commands."""
    times = in_turn({text: partial(_seconds, text) for text in _STATEMENTS}, settings.rounds)
    for statement, target in _STATEMENTS.items():
        yield _figure(statement, times[statement], target)
    yield from starting.run(PART, settings)


def _seconds(statement: str) -> float:
    return float(output_of([sys.executable, "-c", _PROGRAM.format(statement)]))


def _figure(statement: str, times: Series, target: Target | None) -> Figure:
    in_milliseconds = times.times(1e3)
    return Figure(
        part=PART,
        what=statement,
        ours=Quantity(times.median, "s"),
        against="numpy, imported before",
        theirs=None,
        result=Ratio(
            in_milliseconds.median, min(in_milliseconds.rounds), max(in_milliseconds.rounds)
        ),
        meaning="ms",
        target=target,
    )
