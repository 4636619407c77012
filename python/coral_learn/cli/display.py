"""What the commands print: progress on standard error, results on standard output."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from ..dataset import Skipped
from ..extraction.cache import CacheInfo
from ..jobs.classification import Class, Evaluation
from ..jobs.retraining import Progress as Report
from ..jobs.retraining import RetrainResult, Stage
from ..project.project import Project
from ..tflite.cut import Candidate
from .failures import printable

UNKNOWN = "I don't know"

console = Console(stderr=True)
results = Console()

_STAGE_NAMES: dict[Stage, str] = {
    "draw": "Drawing photos",
    "extract": "Looking at photos",
    "train": "Training",
    "serialize": "Saving",
    "verify": "Testing the saved model",
}
_MOST_SKIPPED_SHOWN = 10


@contextmanager
def stage_bars() -> Iterator[Report]:
    """Shows a bar for each stage of a job."""
    with _bars() as bars:
        tasks = {}

        def report(stage: Stage, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(_STAGE_NAMES[stage], total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def print_note(kind: str, text: str) -> None:
    """Prints one line on standard error, such as a warning."""
    console.print(f"[yellow]{kind}[/] {escape(printable(text))}", highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Prints one JSON value on standard output, and nothing else."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:  # names of files that are no text, or a terminal of few characters
        text = json.dumps(value, allow_nan=False)
    print(text)


def print_skipped(skipped: Sequence[Skipped]) -> None:
    """Names the photos that could not be read."""
    for photo in skipped[:_MOST_SKIPPED_SHOWN]:
        print_note("skipped", f"{photo.path}: {photo.reason}")
    if len(skipped) > _MOST_SKIPPED_SHOWN:
        print_note("skipped", f"and {len(skipped) - _MOST_SKIPPED_SHOWN} more")


def print_retrained(result: RetrainResult) -> None:
    """Prints the closing table of a retraining."""
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
    """Prints the tensors where a classifier could be cut."""
    if as_json:
        print_json([asdict(candidate) for candidate in candidates])
        return
    table = Table(Column("Tensor", overflow="fold"), "Shape", "Type")
    for candidate in candidates:
        table.add_row(escape(candidate.name), str(list(candidate.shape)), candidate.dtype)
    results.print(table)


def print_extractor(path: Path, embedding: Candidate, as_json: bool) -> None:
    """Says where a classifier was cut, and how to go on."""
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


def print_findings(findings: dict[str, Any]) -> None:
    """Prints what the doctor found."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name in ("coral_learn", "python", "system", "runtime", "libedgetpu", "libedgetpu_path"):
        table.add_row(name.replace("_", " "), escape(str(findings[name] or "not found")))
    devices = [f"{device['type']} {device['path']}" for device in findings["devices"]]
    table.add_row("Edge TPUs", escape(", ".join(devices) or "none"))
    results.print(table)
    for problem in findings["problems"]:
        for kind, text in (
            ("\n[red]Problem:[/]", problem["what"]),
            ("[green]Fix:[/]", problem["fix"]),
        ):
            results.print(f"{kind} {escape(text)}", highlight=False, soft_wrap=True)
    if findings["ok"]:
        results.print("\n[green]All is well.[/]")


def print_project(project: Project) -> None:
    """Prints the present state of a project."""
    step = project.step
    table = Table("Class", "Photos")
    for name in step.classes:
        table.add_row(escape(name), str(step.count(name)))
    results.print(table)
    if step.accuracy is not None:
        results.print(
            f"Accuracy on held-out photos [bold]{step.accuracy:.1%}[/]; 95% of right answers "
            f"are surer than classify --threshold {step.threshold:.2f}",
            highlight=False,
            soft_wrap=True,
        )


def print_cache(info: CacheInfo) -> None:
    """Prints how much a cache holds."""
    results.print(
        f"{escape(str(info.path))}: {info.embeddings} embeddings, "
        f"{info.bytes / 1e6:.1f} of at most {info.max_bytes / 1e6:.0f} MB",
        highlight=False,
        soft_wrap=True,
    )


def print_hint(text: str) -> None:
    """Says what to try next."""
    results.print(f"\nNext: [bold]{escape(text)}[/]", highlight=False, soft_wrap=True)


def print_classes(image: str, classes: Sequence[Class]) -> None:
    """Prints the answers for one photo."""
    answers = ", ".join(f"[bold]{escape(answer.label)}[/] {answer.score:.1%}" for answer in classes)
    results.print(
        f"{escape(printable(image))}: {answers or UNKNOWN}", highlight=False, soft_wrap=True
    )


def print_evaluation(evaluation: Evaluation) -> None:
    """Prints the accuracy, and where the wrong answers are."""
    results.print(f"Accuracy [bold]{evaluation.accuracy:.1%}[/] on {evaluation.images} photos")
    table = Table("Class", "Photos", "Right", "Taken most for")
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


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
