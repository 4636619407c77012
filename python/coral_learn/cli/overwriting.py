"""Outputs that exist already: a command asks before it overwrites a file that it did not write."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ..words import listed, printable


def confirm_overwriting(
    foreign: Sequence[Path], *, force: bool, json: bool = False, edited: Path | None = None
) -> None:
    """Asks whether to overwrite files, and refuses where nobody can be asked.

    Args:
        foreign: The files in the way that are no earlier result of the command.
        force: Whether the option ``--force`` was given.
        json: Whether the option ``--json`` was given: a program reads the output.
        edited: A table of choices that the command wrote and somebody edited since.

    Raises:
        ValueError: Nobody can be asked.
        click.Abort: The answer is no.
    """
    if force or not (foreign or edited):
        return
    found = _in_the_way(foreign, edited)
    if json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        advice = "Choose another --output, or overwrite with --force."
        if edited is not None:
            advice = f"Apply them with --apply before you overwrite them. {advice}"
        raise ValueError(f"{found}. {advice}")
    click.confirm(f"{found}. Overwrite?", abort=True, err=True)


def _in_the_way(foreign: Sequence[Path], edited: Path | None) -> str:
    found = []
    if foreign:
        names = printable(listed(list(map(str, foreign))))
        exist = "exists and is" if len(foreign) == 1 else "exist and are"
        found.append(f"{names} {exist} not an earlier result of this command")
    if edited is not None:
        found.append(f"{printable(str(edited))} has choices that were edited")
    return ", and ".join(found)
