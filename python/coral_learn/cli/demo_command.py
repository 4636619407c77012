"""The command ``coral-learn demo``: the whole job on drawn photos."""

from __future__ import annotations

from pathlib import Path

import click

from .options import PATH, force_option, json_option
from .overwriting import confirm_overwriting
from .train_commands import show_retrained


@click.command("demo")
@click.option(
    "--output",
    type=PATH,
    default="coral-learn-demo",
    metavar="DIR",
    help="Folder for the results.",
)
@force_option
@json_option
def demo_command(output: Path, force: bool, json: bool) -> None:
    """Retrain and test a model on drawn photos.

    The demo needs no photos of your own, no network and no Edge TPU.
    """
    from ..demo.run import demo
    from ..jobs.outputs import foreign_results
    from . import display

    confirm_overwriting(foreign_results(output), force=force, json=json)
    with display.stage_bars() as report:
        result = demo(output, progress=report)
    show_retrained(
        result,
        "coral-learn train YOUR_PHOTOS --output DIR",
        json,
    )
