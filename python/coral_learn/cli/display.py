"""The output of the commands: progress and notes on standard error, results on standard output.

Nothing here imports Rich, which takes longer than the rest of a short command: lines are printed
with click. Tables are in :mod:`~coral_learn.cli.tables`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from ..progress import Progress, Stage, StageProgress, progress_bars
from ..words import counted, percent, printable

if TYPE_CHECKING:  # a command imports what it prints; the others need not
    from ..extraction.cache import CacheInfo
    from ..extraction.photo_rows import SkippedPhoto
    from ..jobs.answer import Answer
    from ..project.project import Project
    from ..tflite.embedding import Candidate

UNKNOWN = "I don't know"
UNFAMILIAR = "unlike the training photos"

_STAGE_TITLES: dict[Stage, str] = {
    "draw": "Drawing photos",
    "extract": "Reading photos",
    "train": "Training",
    "serialize": "Saving",
    "verify": "Testing the saved model",
    "inspect": "Measuring photos",
}
_MAX_SKIPPED_SHOWN = 10


@contextmanager
def stage_bars(*, rate: bool = False) -> Iterator[StageProgress]:
    """Shows a bar for each stage of a job, also with its steps a second if asked for.

    What a library prints meanwhile, as Ray does of workers that died, goes to standard error: a
    program may read standard output.
    """
    with redirect_stdout(sys.stderr), progress_bars(rate=rate) as update:
        yield lambda stage, done, total: update(_STAGE_TITLES[stage], done, total or None)


@contextmanager
def download_bar(name: str) -> Iterator[Progress]:
    """Shows a bar for a download, if there is one."""
    with progress_bars(in_bytes=True) as update:
        yield lambda done, total: update(f"Downloading {name}", done, total)


def bold(text: str) -> str:
    """Returns a part of a line that is bold on a terminal."""
    return click.style(printable(text), bold=True)


def colored(text: str, color: str) -> str:
    """Returns a part of a line that has a color on a terminal."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=color)


def print_line(text: str) -> None:
    """Prints a line on standard output."""
    _print(text, sys.stdout)


def print_note(kind: str, text: str) -> None:
    """Prints a line on standard error, such as a warning."""
    _print(f"{colored(kind, 'yellow')} {printable(text)}", sys.stderr)


def print_facts(notes: Sequence[str]) -> None:
    """Prints facts that the user should know, a line each, on standard error."""
    for note in notes:
        print_note("note", note)


def print_json(value: Any) -> None:
    """Prints one JSON value on standard output, and nothing else."""
    import json  # which lines do not need

    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:  # a file name that is not text, or a terminal with few characters
        text = json.dumps(value, allow_nan=False)
    print(text)


def print_skipped(skipped: Sequence[SkippedPhoto]) -> None:
    """Lists the photos that could not be read, on standard error."""
    for photo in skipped[:_MAX_SKIPPED_SHOWN]:
        print_note("skipped", str(photo))
    if len(skipped) > _MAX_SKIPPED_SHOWN:
        print_note("skipped", f"and {len(skipped) - _MAX_SKIPPED_SHOWN} more")


def print_extractor(path: Path, embedding: Candidate, notes: Sequence[str], as_json: bool) -> None:
    """Prints where a classifier was cut, and what to do next."""
    if as_json:
        from dataclasses import asdict

        found = {"feature_dim": embedding.feature_dim, **asdict(embedding), "notes": notes}
        print_json({"extractor": str(path), **found})
        return
    name, file = printable(embedding.name), printable(str(path))
    print_line(f"Cut at {name}: {embedding.feature_dim} features, {embedding.dtype}")
    print_line(f"Wrote {file}")
    if embedding.dtype == "float32":
        print_line("The Edge TPU needs a quantized model; this one runs on the CPU.")
    else:
        print_line(f"For the Edge TPU, compile it: edgetpu_compiler {file}")
    print_hint(f"coral-learn train PHOTOS --extractor {path} --output DIR")


def print_changes(project: Project) -> None:
    """Prints the changes of a project so far, oldest first."""
    for number, change in enumerate(project.history[1:], start=1):
        print_line(f"Change {number}: {printable(str(change))}")


def print_cache(info: CacheInfo) -> None:
    """Prints what a cache contains."""
    print_line(
        f"{printable(str(info.path))}: {counted(info.embeddings, 'embedding')}, "
        f"{info.bytes / 1e6:.1f} of at most {info.max_bytes / 1e6:.0f} MB"
    )


def print_path_change(old: Path, new: Path) -> None:
    """Prints that a file goes to another place."""
    print_line(f"{printable(str(old))} -> {printable(str(new))}")


def print_hint(text: str) -> None:
    """Prints the command to run next."""
    print_line(f"\nNext: {bold(text)}")


def print_answer(image: str, answer: Answer, separator: str = ", ") -> None:
    """Prints what a classifier says about one photo."""
    classes = separator.join(f"{bold(each.label)} {percent(each.score)}" for each in answer.classes)
    mark = f" ({colored(UNFAMILIAR, 'yellow')})" if answer.is_unfamiliar else ""
    print_line(f"{printable(image)}: {classes or UNKNOWN}{mark}")


def _print(text: str, stream: TextIO) -> None:
    """Prints a line, styled where Rich would style a table.

    The stream is the one in use now: while bars are drawn, Rich's own, which prints above them.
    """
    is_terminal = stream.isatty() or bool(os.environ.get("FORCE_COLOR"))
    is_dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    click.echo(text, file=stream, color=is_terminal and not is_dumb)
