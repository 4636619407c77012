"""Applying the table of a review: photos move to other classes, or out of the data set."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...dataset.class_names import check_class_name, class_name
from ...dataset.entries import is_system_name
from ...words import counted, listed
from .moves import Move
from .table import TableRow, chosen, class_depth, read_table

_DROPPED = "-dropped"


@dataclass(frozen=True)
class Plan:
    """What applying a table will do.

    Attributes:
        moves: The photos and where they go.
        notes: Facts that the user should know, a sentence each.
    """

    moves: list[Move]
    notes: list[str]


def plan_changes(table: Path) -> Plan:
    """Returns what applying a table will do; nothing is changed yet.

    Dropped photos go into a folder beside that of the data set, by class.

    Raises:
        ValueError: The table cannot be used, a photo is not there, or something is in the way.
        OSError: The table cannot be read.
    """
    moves = []
    for row in chosen(read_table(table)):
        try:
            moves.append(_move(row))
        except ValueError as error:  # noqa: PERF203 (the line is needed)
            raise ValueError(f"{table}, line {row.line}: {error}") from None
    _check_targets(moves)
    return Plan(moves, _emptied(moves))


def _move(row: TableRow) -> Move:
    folder, path = row.folder, Path(row.path)
    if not folder.is_absolute() or not folder.is_dir():
        raise ValueError(f"there is no folder {folder}. Correct the column folder.")
    if ".." in folder.parts:
        raise ValueError(f"the folder {folder} has '..' in it. Write {folder.resolve()}.")
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{row.path} is not a path below {folder}.")
    source = folder / path
    if not source.is_file():
        raise ValueError(
            f"there is no photo {source}. It was moved since: review the photos again."
        )
    if source.is_symlink() and not source.readlink().is_absolute():
        raise ValueError(
            f"{source} is a link to {source.readlink()}, which leads nowhere from another folder. "
            "Replace the link by the file."
        )
    depth = class_depth(path, row.label)
    if depth is None:
        raise ValueError(
            f"{row.path} is in no folder of the class {row.label!r}, so moving it would not change "
            "its class. Change it where it is written."
        )
    if row.action == "drop":
        return Move(source, folder.with_name(f"{folder.name}{_DROPPED}") / path)
    check_class_name(row.new_label, f"new_label {row.new_label!r} cannot be used")
    if is_system_name(row.new_label) or set(row.new_label) & set("/\\:"):
        raise ValueError(f"new_label {row.new_label!r} cannot be the name of a class folder.")
    parts = path.parts
    above = folder.joinpath(*parts[:depth])
    return Move(source, _class_folder(above, row.new_label).joinpath(*parts[depth + 1 :]))


def _class_folder(above: Path, label: str) -> Path:
    """Returns the folder of a class, whose name may be spelled in another form of Unicode."""
    same = (each for each in above.iterdir() if each.is_dir() and class_name(each.name) == label)
    return next(same, above / label)


def _check_targets(moves: Sequence[Move]) -> None:
    taken: dict[str, Move] = {}
    for move in moves:
        other = taken.setdefault(os.path.normcase(move.target), move)
        if other is not move:
            raise ValueError(
                f"{move.source} and {other.source} would both become {move.target}. Rename one."
            )
        if os.path.lexists(move.target):
            raise ValueError(
                f"{move.source} cannot become {move.target}, which exists. Rename the photo, or "
                "keep it."
            )


def _emptied(moves: Sequence[Move]) -> list[str]:
    """Returns a note about folders that no photo is left in, which training would refuse."""
    gone = {move.source for move in moves}
    kept = {move.target.parent for move in moves}
    folders = {move.source.parent for move in moves}
    empty = [
        str(folder)
        for folder in sorted(folders - kept)
        if all(entry in gone for entry in folder.iterdir())
    ]
    if not empty:
        return []
    return [
        f"{counted(len(empty), 'folder has', 'folders have')} no photo any more: {listed(empty)}. "
        "Remove it if it is the folder of a class"
    ]
