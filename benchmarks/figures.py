"""The results of the benchmarks, and their table and JSON."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from .timing import Ratio, Series, ratio

_WIDTH_OF_FILES = 200

Unit = Literal["s", "B", "%", "GFLOP/s", "GB/s", "photos/s", "ppm"]
Meaning = Literal[
    "x as fast",
    "x the time",
    "x the memory",
    "points",
    "points lost",
    "s",
    "ms",
    "photos",
    "photos/s",
    "MB more",
    "%",
    "ppm",
]


@dataclass(frozen=True)
class Quantity:
    """A measured number. With the unit %, the value is a fraction of 1."""

    value: float
    unit: Unit

    def __str__(self) -> str:
        if self.unit == "s":
            return _scaled(self.value, (("ms", 1e-3), ("s", 1.0)))
        if self.unit == "B":
            return _scaled(self.value, (("MB", 1e6), ("GB", 1e9)))
        if self.unit == "%":
            return f"{self.value:.1%}"
        return f"{self.value:.0f} {self.unit}"


@dataclass(frozen=True)
class Target:
    """The value that a result should reach."""

    value: float
    kind: Literal["at least", "at most"]

    def met_by(self, result: float) -> bool:
        """Returns whether a result reaches the target."""
        return result >= self.value if self.kind == "at least" else result <= self.value


@dataclass(frozen=True)
class Figure:
    """One result: a measurement of this package, what it is compared with, and the comparison.

    Attributes:
        part: The part of the benchmarks.
        what: What was measured, in which case.
        ours: The quantity measured for this package.
        against: What it is compared with.
        theirs: The quantity measured for that; None if there is no comparison.
        result: The comparison: its median over the rounds, and its extremes.
        meaning: The unit of the comparison.
        target: The value that the result should reach.
    """

    part: str
    what: str
    ours: Quantity
    against: str
    theirs: Quantity | None
    result: Ratio
    meaning: Meaning
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; None without a target."""
        return None if self.target is None else self.target.met_by(self.result.median)


def share(
    part: str,
    what: str,
    values: NDArray[np.float64],
    target: Target | None = None,
    against: str = "",
) -> Figure:
    """Returns a figure of fractions: their mean, and the lowest and the highest in points.

    Args:
        part: The part of the benchmarks.
        what: What was measured.
        values: A fraction for each draw.
        target: What the mean should reach, in points.
        against: What the fractions are parts of.
    """
    points = 100 * values
    return Figure(
        part=part,
        what=what,
        ours=Quantity(float(values.mean()), "%"),
        against=against,
        theirs=None,
        result=_mean_and_extremes(points),
        meaning="points",
        target=target,
    )


def points_more(
    part: str,
    what: str,
    ours: NDArray[np.float64],
    against: str,
    theirs: NDArray[np.float64],
    target: Target | None = None,
) -> Figure:
    """Returns a figure of how many points more of ours than of theirs is right.

    Args:
        part: The part of the benchmarks.
        what: What was measured.
        ours: A fraction for each draw.
        against: What it is compared with.
        theirs: Its fraction for each draw.
        target: What the mean difference should reach, in points.
    """
    return Figure(
        part=part,
        what=what,
        ours=Quantity(float(ours.mean()), "%"),
        against=against,
        theirs=Quantity(float(theirs.mean()), "%"),
        result=_mean_and_extremes(100 * (ours - theirs)),
        meaning="points",
        target=target,
    )


def _mean_and_extremes(values: NDArray[np.float64]) -> Ratio:
    return Ratio(float(values.mean()), float(values.min()), float(values.max()))


@dataclass(frozen=True)
class Note:
    """Something that readers of the results must know, such as what was left out and why."""

    part: str
    text: str


def speed(
    part: str, what: str, ours: Series, against: str, theirs: Series, at_least: float | None = None
) -> Figure:
    """Returns a figure with the speed of this package relative to another."""
    return _of_times(part, what, ours, against, theirs, ratio(theirs, ours), "x as fast", at_least)


def cost(
    part: str, what: str, ours: Series, against: str, theirs: Series, at_most: float | None = None
) -> Figure:
    """Returns a figure with the time of this package relative to another."""
    return _of_times(part, what, ours, against, theirs, ratio(ours, theirs), "x the time", at_most)


def _of_times(
    part: str,
    what: str,
    ours: Series,
    against: str,
    theirs: Series,
    result: Ratio,
    meaning: Literal["x as fast", "x the time"],
    reach: float | None,
) -> Figure:
    return Figure(
        part=part,
        what=what,
        ours=Quantity(ours.median, "s"),
        against=against,
        theirs=Quantity(theirs.median, "s"),
        result=result,
        meaning=meaning,
        target=(
            Target(reach, "at least" if meaning == "x as fast" else "at most")
            if reach is not None
            else None
        ),
    )


def exactly(value: float) -> Ratio:
    """Returns a result that was measured once."""
    return Ratio(value, value, value)


def print_table(figures: Sequence[Figure], notes: Sequence[Note], machine: dict[str, Any]) -> None:
    """Prints the results, the notes and the description of the machine."""
    table = Table("part", "what", pad_edge=False)
    table.add_column("ours", justify="right")
    table.add_column("against")
    table.add_column("theirs", justify="right")
    table.add_column("result", justify="right")
    table.add_column("from - to", justify="right")
    table.add_column("target")
    for before, figure in zip([None, *figures], figures, strict=False):
        new_part = before is None or before.part != figure.part
        if new_part and before is not None:
            table.add_section()
        table.add_row(
            figure.part if new_part else "",
            figure.what,
            str(figure.ours),
            figure.against,
            "" if figure.theirs is None else str(figure.theirs),
            f"{_short(figure.result.median)} {figure.meaning}",
            _range(figure.result),
            _target(figure),
        )
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH_OF_FILES
    console.print(table)
    for note in notes:
        console.print(f"{note.part}: {note.text}", highlight=False)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), highlight=False)


def to_json(
    figures: Sequence[Figure], notes: Sequence[Note], machine: dict[str, Any]
) -> dict[str, Any]:
    """Returns everything as types that JSON can hold."""
    return {
        "machine": machine,
        "figures": [dataclasses.asdict(figure) | {"met": figure.met} for figure in figures],
        "notes": [dataclasses.asdict(note) for note in notes],
    }


def _scaled(value: float, units: Sequence[tuple[str, float]]) -> str:
    name, size = next(((n, s) for n, s in reversed(units) if value >= s), units[0])
    return f"{_short(value / size)} {name}"


def _short(value: float) -> str:
    """Formats a number with three digits; measured times are not more precise."""
    rounded = float(f"{value:.3g}")
    if rounded == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:.{min(digits, 3)}f}"


def _range(result: Ratio) -> str:
    if result.low == result.high:
        return ""
    return f"{_short(result.low)} - {_short(result.high)}"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    verdict = "[green]met[/]" if figure.met else "[red]missed[/]"
    return f"{figure.target.kind} {figure.target.value:g}: {verdict}"
