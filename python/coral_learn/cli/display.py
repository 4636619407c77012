"""The output of the commands: progress on standard error, results on standard output."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ..progress import Stage, StageProgress, progress_bars
from ..words import counted, describe_accuracy, percent
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
_FACTS = {"coral_learn": "coral-learn", "libedgetpu_path": "libedgetpu file"}
_MAX_SKIPPED_SHOWN = 10


@contextmanager
def stage_bars() -> Iterator[StageProgress]:
    """Shows a bar for each stage of a job."""
    with progress_bars(console) as update:
        yield lambda stage, done, total: update(_STAGE_TITLES[stage], done, total)


def print_note(kind: str, text: str) -> None:
    """Prints a line on standard error, such as a warning."""
    console.print(f"[yellow]{kind}[/] {escape(printable(text))}", highlight=False, soft_wrap=True)


def print_facts(notes: Sequence[str]) -> None:
    """Prints facts that the user should know, a line each, on standard error."""
    for note in notes:
        print_note("note", note)


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
    table.add_row(
        "Photos", f"{result.images} of {counted(len(result.classes), 'class', 'classes')}"
    )
    accuracy = result.accuracy
    for part, name, value in (
        ("train", "training photos", accuracy.train),
        ("validation", "validation photos", accuracy.validation),
        ("test", "test photos", accuracy.test_float),
    ):
        table.add_row(f"Accuracy, {name}", _accuracy(value, accuracy.photos[part]))
    saved = "no photos"
    if accuracy.test_saved is not None and accuracy.interval is not None:
        saved = describe_accuracy(accuracy.test_saved, accuracy.photos["test"], accuracy.interval)
    table.add_row("Accuracy, test photos, saved model", f"[bold]{saved}[/]")
    if (validated := accuracy.cross_validated) is not None:
        table.add_row(
            "Accuracy by cross-validation",
            describe_accuracy(validated.accuracy, validated.photos, validated.interval),
        )
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.seconds.items())
    table.add_row("Time", stages)
    table.add_row("Ran on", f"{result.device}, {result.runtime}")
    table.add_row("Model", f"[bold]{escape(str(result.model))}[/]")
    table.add_row("Labels", escape(str(result.labels)))
    table.add_row("Report", escape(str(result.report)))
    results.print(table)


def _accuracy(value: float | None, photos: int) -> str:
    return "no photos" if value is None else f"{percent(value)} of {counted(photos, 'photo')}"


def print_candidates(candidates: Sequence[Candidate], as_json: bool) -> None:
    """Prints the tensors at which a classifier can be cut."""
    if as_json:
        print_json([asdict(candidate) for candidate in candidates])
        return
    table = Table(Column("Tensor", overflow="fold"), "Shape", "Type")
    for candidate in candidates:
        table.add_row(escape(candidate.name), str(list(candidate.shape)), candidate.dtype)
    results.print(table)


def print_extractor(path: Path, embedding: Candidate, notes: Sequence[str], as_json: bool) -> None:
    """Prints where a classifier was cut, and what to do next."""
    if as_json:
        found = {"feature_dim": embedding.feature_dim, **asdict(embedding), "notes": notes}
        print_json({"extractor": str(path), **found})
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
        table.add_row(_FACTS.get(name, name), escape(str(getattr(diagnosis, name) or "not found")))
    devices = [f"{device.type} {device.path}" for device in diagnosis.devices]
    table.add_row("Edge TPUs", escape(", ".join(devices) or "none"))
    results.print(table)
    for note in diagnosis.notes:
        results.print(escape(note), highlight=False, soft_wrap=True)
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
    results.print(table if step.classes else "The project has no classes yet.")
    if step.accuracy is not None and step.interval is not None:
        found = describe_accuracy(step.accuracy, step.tested, step.interval, "held-out photo")
        results.print(
            f"Accuracy: [bold]{found}[/]. "
            f"classify --threshold {math.floor(step.threshold * 100) / 100:.2f} keeps 95% of the "
            "right answers.",
            highlight=False,
            soft_wrap=True,
        )


def print_changes(project: Project) -> None:
    """Prints the changes of a project so far, oldest first."""
    for number, change in enumerate(project.history[1:], start=1):
        results.print(f"Change {number}: {change}", markup=False, highlight=False, soft_wrap=True)


def print_cache(info: CacheInfo) -> None:
    """Prints what a cache contains."""
    results.print(
        f"{escape(str(info.path))}: {counted(info.embeddings, 'embedding')}, "
        f"{info.bytes / 1e6:.1f} of at most {info.max_bytes / 1e6:.0f} MB",
        highlight=False,
        soft_wrap=True,
    )


def print_hint(text: str) -> None:
    """Prints the command to run next."""
    results.print(f"\nNext: [bold]{escape(text)}[/]", highlight=False, soft_wrap=True)


def print_classes(image: str, classes: Sequence[Class]) -> None:
    """Prints the classes of one photo."""
    answers = ", ".join(
        f"[bold]{escape(answer.label)}[/] {percent(answer.score)}" for answer in classes
    )
    results.print(
        f"{escape(printable(image))}: {answers or UNKNOWN}", highlight=False, soft_wrap=True
    )


def print_evaluation(evaluation: Evaluation) -> None:
    """Prints the accuracy, and the most frequent wrong answer for each class."""
    found = describe_accuracy(evaluation.accuracy, evaluation.images, evaluation.interval)
    results.print(f"Accuracy: [bold]{found}[/]", highlight=False)
    for name, part in (
        ("new photos", evaluation.new),
        ("photos that the model was trained on", evaluation.seen),
    ):
        if part is not None and part.accuracy is not None and part.interval is not None:
            found = describe_accuracy(part.accuracy, part.images, part.interval)
            results.print(f"Accuracy, {name}: {found}", highlight=False, soft_wrap=True)
    table = Table("Class", "Photos", "Right", "Most often mistaken for")
    for name, photos, right, wrong in _by_class_name(evaluation):
        worst = max(wrong, key=lambda other: wrong[other], default="")
        mistaken = f"{worst} ({wrong[worst]})" if worst else ""
        table.add_row(escape(name), str(photos), percent(right / photos), escape(mistaken))
    results.print(table)


def _by_class_name(evaluation: Evaluation) -> Iterator[tuple[str, int, int, Counter[str]]]:
    """Yields, for each class with photos, their number, the right answers and the wrong ones.

    Two classes of one name, such as the two cranes of ImageNet, are not mistaken for each other.
    """
    for index, row in enumerate(evaluation.confusion):
        name, answers = evaluation.classes[index], Counter[str]()
        for other, number in zip(evaluation.classes, row, strict=True):
            answers[other] += number
        right = answers.pop(name)
        if sum(row):
            yield name, sum(row), right, +answers
