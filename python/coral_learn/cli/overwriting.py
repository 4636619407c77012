"""Outputs that exist already: a command asks before it overwrites a file that it did not write."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ..words import listed, printable


def confirm_overwriting(foreign: Sequence[Path], *, force: bool, json: bool = False) -> None:
    """Asks whether to overwrite files, and refuses where nobody can be asked.

    Args:
        foreign: The files in the way that are no earlier result of the command.
        force: Whether the option ``--force`` was given.
        json: Whether the option ``--json`` was given: a program reads the output.

    Raises:
        ValueError: Nobody can be asked.
        click.Abort: The answer is no.
    """
    if not foreign or force:
        return
    names = printable(listed(list(map(str, foreign))))
    exist = "exists and is" if len(foreign) == 1 else "exist and are"
    found = f"{names} {exist} not an earlier result of this command"
    if json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ValueError(f"{found}. Choose another --output, or overwrite with --force.")
    click.confirm(f"{found}. Overwrite?", abort=True, err=True)
