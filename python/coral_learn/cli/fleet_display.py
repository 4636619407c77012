"""What ``coral-learn fleet`` prints: lines as boards come and go, and one that shows the rounds."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

from ..words import counted, printable
from . import display

if TYPE_CHECKING:
    from ..fleet.fleet_records import FleetProgress, FleetResult

_SECONDS_BETWEEN_LINES = 10.0  # where there is no terminal, whose line changes in place


class FleetLines:
    """Prints lines on standard error, above a line that changes in place."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._last = 0.0
        self._shown = False

    def __enter__(self) -> FleetLines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clear()

    def say(self, line: str) -> None:
        """Prints a line."""
        self._clear()
        click.echo("\n".join(map(printable, line.split("\n"))), err=True)

    def progress(self, progress: FleetProgress) -> None:
        """Shows how far the fleet is."""
        now = time.monotonic()
        self._start = self._start or now
        text = f"{progress.doing}: round {progress.traffic.rounds}, {now - self._start:.0f} s"
        if progress.loss is not None:
            text += f", loss {progress.loss:.5f}"
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)
            self._shown = True
        elif now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            click.echo(text, err=True)

    def _clear(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._shown = False


def print_fleet(result: FleetResult) -> None:
    """Prints how a fleet ended."""
    traffic = result.traffic
    display.print_line(
        f"{counted(len(result.boards), 'board')} have the head for "
        f"{printable(', '.join(result.head.labels or []))}: {traffic.rounds} rounds, "
        f"{result.seconds:.0f} s, {traffic.sent / 1e6:.1f} MB to the boards and "
        f"{traffic.received / 1e6:.1f} MB from them"
    )
    for name, reason in result.left_out.items():
        display.print_note("left out", f"{name}: {reason}")
    if result.late:
        display.print_note("late", f"{counted(result.late, 'board')} came during the fit")
