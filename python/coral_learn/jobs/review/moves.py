"""Moving files, all of them or none, without replacing any."""

import csv
import errno
import io
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ...files import write_atomically

_HEADER = ["from", "to"]
_UNDO = ".undo.csv"
_NO_LINKS = {errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}


class Move(NamedTuple):
    """A file that moves.

    Attributes:
        source: Where it is.
        target: Where it goes, and no file is yet.
    """

    source: Path
    target: Path


def apply_moves(moves: Sequence[Move], table: Path) -> Path:
    """Moves files, and returns the file with which :func:`undo_moves` undoes it.

    If one cannot be moved, or a signal arrives, those before it move back.

    Args:
        moves: The files.
        table: The table that the moves are from; the file to undo them is written beside it first.

    Raises:
        OSError: A file cannot be moved, or exists already where one goes.
    """
    undo = _free_name(table)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(
        [_HEADER, *((str(move.target), str(move.source)) for move in reversed(moves))]
    )
    write_atomically(undo, text.getvalue().encode(errors="surrogateescape"))
    try:
        move_files(moves)
    except BaseException:
        undo.unlink(missing_ok=True)
        raise
    return undo


def undo_moves(path: Path) -> list[Move]:
    """Moves files back, and returns the moves. Folders that are empty then are removed.

    Args:
        path: The file that :func:`apply_moves` returned, which is removed at the end.

    Raises:
        ValueError: The file is no such list, or a file is not where it was moved to.
        OSError: A file cannot be read or moved.
    """
    moves = _read_undo(path)
    move_files(moves)
    for folder in {move.source.parent for move in moves}:
        with suppress(OSError):  # this folder, or one above it, has something in it
            for each in (folder, *folder.parents):
                each.rmdir()
    path.unlink()
    return moves


def _read_undo(path: Path) -> list[Move]:
    try:
        text = path.read_bytes().decode(errors="surrogateescape")
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error:
        rows = []
    if not rows or rows[0] != _HEADER or any(len(row) != len(_HEADER) for row in rows):
        raise ValueError(
            f"{path} does not say how to undo a review. Give the file whose name ends in {_UNDO} "
            "that `coral-learn review --apply` wrote."
        )
    moves = [Move(Path(source), Path(target)) for source, target in rows[1:]]
    for move in moves:
        if not (move.source.is_file() or move.source.is_symlink()):  # a link may lead nowhere now
            raise ValueError(f"{move.source} is not there any more, so it cannot be moved back.")
        if os.path.lexists(move.target):
            raise ValueError(
                f"{move.source} cannot move back to {move.target}, which exists. Rename that file."
            )
    return moves


def move_files(moves: Sequence[Move]) -> None:
    """Moves files; if one cannot be moved, those before it move back.

    Raises:
        OSError: A file cannot be moved, or exists already where one goes.
    """
    done: list[Move] = []
    made: list[Path] = []
    try:
        for move in moves:
            made += _make_folders(move.target.parent)
            done.append(move)
            _move_file(move)
    except BaseException:
        for move in reversed(done):
            _move_back(move)
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise


def _move_back(move: Move) -> None:
    """Undoes one move, of which a signal or an error may have left any part undone."""
    if not os.path.lexists(move.source):
        _move_file(Move(move.target, move.source))
    elif os.path.lexists(move.target) and os.path.samestat(
        move.target.lstat(), move.source.lstat()
    ):
        move.target.unlink()  # the second name of the same file


def _make_folders(folder: Path) -> list[Path]:
    """Creates a folder and those above it, and returns the new ones."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _move_file(move: Move) -> None:
    """Moves a file, but never onto another: a rename would replace it."""
    try:
        os.link(move.source, move.target, follow_symlinks=False)
    except NotImplementedError:  # Windows
        _rename(move)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _move_by_copy(move)
        elif error.errno in _NO_LINKS:
            _rename(move)
        else:
            raise
    else:
        move.source.unlink()


def _rename(move: Move) -> None:
    if os.path.lexists(move.target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(move.target))
    move.source.rename(move.target)


def _move_by_copy(move: Move) -> None:
    """Moves a file to another file system."""
    _copy(move)
    try:
        move.source.unlink()
    except BaseException:
        if os.path.lexists(move.source):  # a signal may arrive after it was removed
            move.target.unlink(missing_ok=True)
        raise


def _copy(move: Move) -> None:
    if move.source.is_symlink():
        move.target.symlink_to(move.source.readlink())
        return
    try:
        with move.source.open("rb") as source, move.target.open("xb") as target:
            shutil.copyfileobj(source, target)
        shutil.copystat(move.source, move.target)
    except FileExistsError:
        raise
    except BaseException:
        move.target.unlink(missing_ok=True)
        raise


def _free_name(table: Path) -> Path:
    """Returns the name of the file to undo with, which does not exist yet."""
    number = 1
    while True:
        path = table.with_name(f"{table.stem}{'' if number == 1 else f'-{number}'}{_UNDO}")
        if not os.path.lexists(path):
            return path
        number += 1
