"""``coral-learn review --apply`` and ``--undo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..words import counted

if TYPE_CHECKING:
    from ..jobs.review.moves import Move


def change_photos(table: Path | None, undo: Path | None, *, dry_run: bool, json: bool) -> None:
    """Moves photos, or moves them back, and prints what moved.

    Args:
        table: The table of ``--apply``, or None.
        undo: The file of ``--undo``, if there is no table.
        dry_run: Whether nothing is to be changed.
        json: Whether to print one JSON value.
    """
    from . import display

    moves: list[Move]
    undo_file: Path | None = None
    if table is None:
        assert undo is not None
        from ..jobs.review.moves import undo_moves

        moves = undo_moves(undo)
    else:
        from ..jobs.review.changes import plan_changes
        from ..jobs.review.moves import apply_moves

        plan = plan_changes(table)
        moves = plan.moves
        display.print_facts(plan.notes)
        if moves and not dry_run:
            undo_file = apply_moves(moves, table)
    if json:
        display.print_json(
            {
                "moved": [{"from": str(one), "to": str(other)} for one, other in moves],
                "dry_run": dry_run,
                "undo": None if undo_file is None else str(undo_file),
            }
        )
        return
    for one, other in moves:
        display.print_path_change(one, other)
    _tell_outcome(moves, undo_file, dry_run, is_undo=table is None)


def _tell_outcome(
    moves: list[Move], undo_file: Path | None, dry_run: bool, *, is_undo: bool
) -> None:
    from . import display

    photos = counted(len(moves), "photo")
    if dry_run:
        display.print_line(f"{photos} would move. Nothing is changed.")
    elif is_undo:
        display.print_line(f"{photos} moved back.")
    elif undo_file is None:
        display.print_line("No line has the action move or drop. Nothing is changed.")
    else:
        display.print_line(f"{photos} moved. To undo it: coral-learn review --undo {undo_file}")
