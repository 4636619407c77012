"""The commands ``coral-learn classify`` and ``coral-learn evaluate``: running a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .options import (
    PATH,
    Number,
    cache_option,
    chosen_cache,
    data_dir_argument,
    device_option,
    input_range_option,
    input_size_option,
    json_option,
    labels_option,
    model_argument,
    top_k_option,
    view_option,
)

if TYPE_CHECKING:
    from ..jobs.answer import Answer
    from ..tflite.normalization import Normalization
    from ..tflite.resizing import View


@click.command("classify")
@model_argument
@click.argument("images", type=PATH, metavar="IMAGE...", nargs=-1, required=True)
@labels_option
@top_k_option
@click.option(
    "--threshold",
    type=Number(0, 1),
    metavar="X",
    help="Lowest probability of a class to name; by default that of the model, which train "
    '--precision chooses. If no class reaches it, the answer is "I don\'t know". A model that '
    "finds several labels in a photo names all that reach it (0.5 by default).",
)
@click.option(
    "--coverage",
    type=Number(0, 1),
    metavar="P",
    help="Name all classes that may be right: as few as contain the right one in this fraction of "
    "photos, such as 0.9.",
)
@input_size_option
@input_range_option
@view_option
@device_option
@json_option
@click.pass_context
def classify_command(
    context: click.Context,
    model: Path,
    images: Sequence[Path],
    labels: Path | None,
    top_k: int,
    threshold: float | None,
    coverage: float | None,
    input_size: tuple[int, int] | None,
    input_range: Normalization | None,
    resize: View | None,
    device: str | None,
    json: bool,
) -> None:
    """Name the class of each photo."""
    if coverage is not None and (
        threshold is not None
        or context.get_parameter_source("top_k") is not ParameterSource.DEFAULT
    ):
        raise click.UsageError(
            "--coverage names as many classes as it takes. Leave out --top-k and --threshold."
        )
    from ..jobs.classification import Classifier
    from . import display

    with Classifier(
        model,
        labels=labels,
        device=device,
        input_size=input_size,
        normalization=input_range,
        resize=resize,
    ) as classifier:
        found = classifier.answer_readable(
            images, top_k=top_k, threshold=threshold, coverage=coverage
        )
    answers = list(zip([str(images[index]) for index in found.kept], found.rows, strict=True))
    if json:
        display.print_json([_as_json(image, answer) for image, answer in answers])
    else:
        for image, answer in answers:
            display.print_answer(image, answer, ", " if coverage is None else " or ")
    if found.skipped:
        raise ValueError("; ".join(map(str, found.skipped)))


def _as_json(image: str, answer: Answer) -> dict[str, Any]:
    facts: dict[str, Any] = {"image": image, "results": [vars(each) for each in answer.classes]}
    if answer.familiarity is not None:
        facts["familiarity"] = answer.familiarity
    return facts


@click.command("evaluate")
@model_argument
@data_dir_argument
@labels_option
@input_size_option
@input_range_option
@view_option
@device_option
@cache_option
@json_option
def evaluate_command(
    model: Path,
    data_dir: Path | str,
    labels: Path | None,
    input_size: tuple[int, int] | None,
    input_range: Normalization | None,
    resize: View | None,
    device: str | None,
    cache: bool,
    json: bool,
) -> None:
    """Measure how often a classifier is right.

    DATA_DIR contains one folder of photos for each class, or anything else that train takes, also
    a folder of embeddings; of photos that are split, those in test are used.
    """
    from ..jobs.evaluation import evaluate
    from . import display

    evaluation = evaluate(
        model,
        data_dir,
        labels=labels,
        device=device,
        cache=chosen_cache(cache),
        input_size=input_size,
        progress=not json,
        normalization=input_range,
        resize=resize,
    )
    display.print_facts(evaluation.notes)
    display.print_skipped(evaluation.skipped)
    if json:
        display.print_json(evaluation.to_json())
    else:
        from .tables import print_evaluation

        print_evaluation(evaluation)
