"""The tables that the commands print, drawn by Rich."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ..words import counted, describe_accuracy, percent, printable
from .display import bold, colored, print_hint, print_json, print_line

if TYPE_CHECKING:  # a command imports what it prints; the others need not
    from ..edgetpu.diagnosis import Diagnosis
    from ..jobs.embedding.run import EmbedResult
    from ..jobs.evaluation import Evaluation
    from ..jobs.retraining import RetrainResult
    from ..jobs.review.findings import Doubtful
    from ..project.photos import ProjectPhoto
    from ..project.project import Project
    from ..tflite.embedding import Candidate

_FACTS = {"coral_learn": "coral-learn", "libedgetpu_path": "libedgetpu file"}


def print_table(table: Table) -> None:
    """Prints a table on standard output."""
    Console().print(table)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows of text under the names of their columns."""
    table = Table(*(Column(name, overflow="fold") for name in columns), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    print_table(table)


def print_embedded(result: EmbedResult) -> None:
    """Prints what an extraction to Parquet did."""
    table = Table(show_header=False, box=None, pad_edge=False)
    rate = f", {result.embedded / result.seconds:,.0f} a second" if result.embedded else ""
    table.add_row("Embedded now", f"{counted(result.embedded, 'photo')}{rate}")
    classes = counted(len(result.classes), "class", "classes")
    table.add_row(
        escape(printable(str(result.output))), f"{counted(result.photos, 'photo')} of {classes}"
    )
    table.add_row("Embedding", f"{result.features} features, {result.dtype}")
    table.add_row("Extractor", f"sha256 {result.extractor}")
    print_table(table)


def print_retrained(result: RetrainResult) -> None:
    """Prints the result of a retraining as a table."""
    from ..jobs.learning_curve import describe_gain
    from ..jobs.stranger_test import describe_strangers

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
    if result.learning_curve is not None:
        table.add_row("More photos", describe_gain(result.learning_curve))
    if (threshold := result.threshold) is not None:
        table.add_row(
            "Threshold",
            f"{threshold.probability:.3f}: {percent(threshold.answered)} of the photos get an "
            f"answer, and {percent(threshold.precision)} of the answers are right (95% interval: "
            f"{percent(threshold.interval[0])} to {percent(threshold.interval[1])})",
        )
    if (strangers := result.strangers) is not None:
        table.add_row("Strangers", escape(describe_strangers(strangers)))
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.seconds.items())
    table.add_row("Time", stages)
    table.add_row("Ran on", f"{result.device}, {result.runtime}")
    table.add_row("Model", f"[bold]{escape(str(result.model))}[/]")
    table.add_row("Labels", escape(str(result.labels)))
    table.add_row("Report", escape(str(result.report)))
    print_table(table)


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
    print_table(table)


def print_diagnosis(diagnosis: Diagnosis) -> None:
    """Prints the result of ``doctor()``."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name in ("coral_learn", "python", "system", "runtime", "libedgetpu", "libedgetpu_path"):
        table.add_row(_FACTS.get(name, name), escape(str(getattr(diagnosis, name) or "not found")))
    devices = [f"{device.type} {device.path}" for device in diagnosis.devices]
    table.add_row("Edge TPUs", escape(", ".join(devices) or "none"))
    print_table(table)
    for note in diagnosis.notes:
        print_line(printable(note))
    for problem in diagnosis.problems:
        print_line(f"\n{colored('Problem:', 'red')} {printable(problem.what)}")
        print_line(f"{colored('Fix:', 'green')} {printable(problem.fix)}")
    if diagnosis.ok:
        print_line(f"\n{colored('No problems were found.', 'green')}")


def print_project(project: Project) -> None:
    """Prints the current state of a project."""
    step = project.step
    table = Table("Class", "Photos")
    for name in step.classes:
        table.add_row(escape(name), str(step.count(name)))
    if step.classes:
        print_table(table)
    else:
        print_line("The project has no classes yet.")
    if step.accuracy is not None and step.interval is not None:
        found = describe_accuracy(step.accuracy, step.tested, step.interval, "held-out photo")
        print_line(
            f"Accuracy: {bold(found)}. "
            f"classify --threshold {math.floor(step.threshold * 100) / 100:.2f} keeps 95% of the "
            "right answers."
        )
    elif not step.measured:
        print_line("Accuracy: not measured yet; the studio and the next change measure it.")


def print_photos(photos: Sequence[ProjectPhoto]) -> None:
    """Prints the photos of a project, and where their pictures are."""
    print_rows(["Photo", "Class"], [[photo.id, photo.label] for photo in photos])
    _print_places([photo.picture for photo in photos])


def print_doubtful(folder: Path, found: Sequence[Doubtful]) -> None:
    """Prints the photos of a project whose label is probably wrong, and how to correct one."""
    if not found:
        print_line("No label looks wrong.")
        return
    print_rows(
        ["Photo", "Label", "Probability", "Looks like"],
        [
            [each.photo.name, each.photo.label, percent(each.probability), each.suggested]
            for each in found
        ],
    )
    _print_places([each.photo.path for each in found])
    first = found[0]
    move = [str(folder), first.suggested, first.photo.name]
    print_hint(f"coral-learn project move {shlex.join(move)}")
    confirm = shlex.join([str(folder), first.photo.name])
    print_line(f"If its label is right: coral-learn project confirm {confirm}")


def _print_places(pictures: Sequence[Path | None]) -> None:
    for place in sorted({picture.parent for picture in pictures if picture is not None}):
        print_line(f"Their pictures are in {printable(str(place))}; the names start with the id.")


def print_evaluation(evaluation: Evaluation) -> None:
    """Prints the accuracy, and the most frequent wrong answer for each class."""
    found = describe_accuracy(evaluation.accuracy, evaluation.images, evaluation.interval)
    print_line(f"Accuracy: {bold(found)}")
    for name, part in (
        ("new photos", evaluation.new),
        ("photos that the model was trained on", evaluation.seen),
    ):
        if part is not None and part.accuracy is not None and part.interval is not None:
            found = describe_accuracy(part.accuracy, part.images, part.interval)
            print_line(f"Accuracy, {name}: {found}")
    table = Table("Class", "Photos", "Right", "Most often mistaken for")
    for name, photos, right, wrong in _by_class_name(evaluation):
        worst = max(wrong, key=lambda other: wrong[other], default="")
        mistaken = f"{worst} ({wrong[worst]})" if worst else ""
        table.add_row(escape(name), str(photos), percent(right / photos), escape(mistaken))
    print_table(table)


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
