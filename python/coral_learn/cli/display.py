"""The output of the commands: progress on standard error, results on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ..progress import Stage, StageProgress, progress_bars
from .failures import printable

if TYPE_CHECKING:  # a command imports what it prints; the others need not
    from ..edgetpu.diagnosis import Diagnosis
    from ..extraction.cache import CacheInfo
    from ..extraction.photo_rows import SkippedPhoto
    from ..jobs.classification import Class
    from ..jobs.evaluation import Evaluation
    from ..jobs.retraining import RetrainResult
    from ..project.project import Project
    from ..tflite.embedding import Candidate

UNKNOWN = "I don't know"

console = Console(stderr=True)
results = Console()

_STAGE_TITLES: dict[Stage, str] = {
    "draw": "Drawing photos",
    "extract": "Reading photos",
    "train": "Training",
    "serialize": "Saving",
    "verify": "Testing the saved model",
}
_MAX_SKIPPED_SHOWN = 10


@contextmanager
def stage_bars() -> Iterator[StageProgress]:
    """Shows a bar for each stage of a job."""
    with progress_bars(console) as update:
        yield lambda stage, done, total: update(_STAGE_TITLES[stage], done, total)


def print_note(kind: str, text: str) -> None:
    """Prints a line on standard error, such as a warning."""
    console.print(f"[yellow]{kind}[/] {escape(printable(text))}", highlight=False, soft_wrap=True)


def print_notes(notes: Sequence[str]) -> None:
    """Prints facts that are no faults, on standard error."""
    for text in notes:
        print_note("note", text)


def print_json(value: Any) -> None:
    """Prints one JSON value on standard output, and nothing else."""
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


def print_retrained(result: RetrainResult) -> None:
    """Prints the result of a retraining as a table."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("Photos", f"{result.images} of {len(result.classes)} classes")
    for name, value in (
        ("Accuracy, training photos", result.accuracy.train),
        ("Accuracy, validation photos", result.accuracy.validation),
        ("Accuracy, test photos", result.accuracy.test_float),
        ("Accuracy, test photos, saved model", result.accuracy.test_saved),
    ):
        table.add_row(name, "no photos" if value is None else f"{value:.1%}")
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.seconds.items())
    table.add_row("Time", stages)
    table.add_row("Ran on", f"{result.device}, {result.runtime}")
    table.add_row("Model", f"[bold]{escape(str(result.model))}[/]")
    table.add_row("Labels", escape(str(result.labels)))
    table.add_row("Report", escape(str(result.report)))
    results.print(table)


def print_candidates(candidates: Sequence[Candidate], as_json: bool) -> None:
    """Prints the tensors at which a classifier can be cut."""
    if as_json:
        print_json([asdict(candidate) for candidate in candidates])
        return
    table = Table(Column("Tensor", overflow="fold"), "Shape", "Type")
    for candidate in candidates:
        table.add_row(escape(candidate.name), str(list(candidate.shape)), candidate.dtype)
    results.print(table)


def print_extractor(path: Path, embedding: Candidate, as_json: bool) -> None:
    """Prints where a classifier was cut, and what to do next."""
    if as_json:
        print_json(
            {"extractor": str(path), "feature_dim": embedding.feature_dim, **asdict(embedding)}
        )
        return
    results.print(
        f"Cut at {escape(embedding.name)}: {embedding.feature_dim} features, {embedding.dtype}\n"
        f"Wrote {escape(str(path))}",
        highlight=False,
        soft_wrap=True,
    )
    if embedding.dtype == "float32":
        results.print("The Edge TPU needs a quantized model; this one runs on the CPU.")
    else:
        results.print(
            f"For the Edge TPU, compile it: edgetpu_compiler {escape(str(path))}",
            highlight=False,
            soft_wrap=True,
        )
    print_hint(f"coral-learn train PHOTOS --extractor {path} --output DIR")


def print_diagnosis(diagnosis: Diagnosis) -> None:
    """Prints the result of ``doctor()``."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name in ("coral_learn", "python", "system", "runtime", "libedgetpu", "libedgetpu_path"):
        table.add_row(name.replace("_", " "), escape(str(getattr(diagnosis, name) or "not found")))
    devices = [f"{device.type} {device.path}" for device in diagnosis.devices]
    table.add_row("Edge TPUs", escape(", ".join(devices) or "none"))
    results.print(table)
    for problem in diagnosis.problems:
        for kind, text in (
            ("\n[red]Problem:[/]", problem.what),
            ("[green]Fix:[/]", problem.fix),
        ):
            results.print(f"{kind} {escape(text)}", highlight=False, soft_wrap=True)
    if diagnosis.ok:
        results.print("\n[green]No problems were found.[/]")


def print_project(project: Project) -> None:
    """Prints the current state of a project."""
    step = project.step
    table = Table("Class", "Photos")
    for name in step.classes:
        table.add_row(escape(name), str(step.count(name)))
    results.print(table)
    if step.accuracy is not None:
        results.print(
            f"Accuracy on held-out photos: [bold]{step.accuracy:.1%}[/]. "
            f"classify --threshold {step.threshold:.2f} keeps 95% of the right answers.",
            highlight=False,
            soft_wrap=True,
        )


def print_cache(info: CacheInfo) -> None:
    """Prints what a cache contains."""
    results.print(
        f"{escape(str(info.path))}: {info.embeddings} embeddings, "
        f"{info.bytes / 1e6:.1f} of at most {info.max_bytes / 1e6:.0f} MB",
        highlight=False,
        soft_wrap=True,
    )


def print_hint(text: str) -> None:
    """Prints the command to run next."""
    results.print(f"\nNext: [bold]{escape(text)}[/]", highlight=False, soft_wrap=True)


def print_classes(image: str, classes: Sequence[Class]) -> None:
    """Prints the classes of one photo."""
    answers = ", ".join(f"[bold]{escape(answer.label)}[/] {answer.score:.1%}" for answer in classes)
    results.print(
        f"{escape(printable(image))}: {answers or UNKNOWN}", highlight=False, soft_wrap=True
    )


def print_evaluation(evaluation: Evaluation) -> None:
    """Prints the accuracy, and the most frequent wrong answer for each class."""
    results.print(f"Accuracy: [bold]{evaluation.accuracy:.1%}[/] on {evaluation.images} photos")
    table = Table("Class", "Photos", "Right", "Most often mistaken for")
    for index, row in enumerate(evaluation.confusion):
        photos, right = sum(row), row[index]
        if not photos:
            continue
        wrong = [*row[:index], 0, *row[index + 1 :]]
        worst = wrong.index(max(wrong))
        mistaken = f"{evaluation.classes[worst]} ({wrong[worst]})" if wrong[worst] else ""
        name = escape(evaluation.classes[index])
        table.add_row(name, str(photos), f"{right / photos:.1%}", escape(mistaken))
    results.print(table)
