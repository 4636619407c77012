"""The command ``coral-learn export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from ..jobs.export.targets import Target
from .options import (
    force_option,
    input_range_option,
    json_option,
    labels_option,
    model_argument,
    output_option,
)
from .overwriting import confirm_overwriting

if TYPE_CHECKING:
    from ..tflite.normalization import Normalization


@click.command("export")
@model_argument
@click.option(
    "--for",
    "target",
    type=click.Choice(get_args(Target)),
    required=True,
    help="Where the model is used: frigate for the folder of a custom classification model, "
    "mediapipe for a model that MediaPipe Tasks take, python for a script without coral-learn, "
    "c-array for C++ files for TensorFlow Lite Micro.",
)
@output_option
@labels_option
@input_range_option
@force_option
@json_option
def export_command(
    model: Path,
    target: Target,
    output: Path,
    labels: Path | None,
    input_range: Normalization | None,
    force: bool,
    json: bool,
) -> None:
    """Write a classifier in the form that another program needs.

    The model is not changed: what the other program computes from the same pixels is what classify
    shows. For frigate, the name of the folder becomes the name of the model.
    """
    from ..jobs.export.existing import foreign_exports
    from ..jobs.export.write import prepare_export
    from ..words import printable
    from . import display

    export = prepare_export(model, target, output, labels=labels, normalization=input_range)
    confirm_overwriting(foreign_exports(export.files), force=force, json=json)
    result = export.write()
    display.print_facts(result.notes)
    if json:
        display.print_json(result.to_json())
        return
    for path in result.files:
        display.print_line(f"Wrote {printable(str(path))}")
    display.print_hint(result.next_step)
