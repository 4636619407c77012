"""The output of ``coral-learn models``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Column, Table

from ..words import counted, percent
from .display import print_hint, print_json, print_line, print_note, print_skipped
from .tables import print_table

if TYPE_CHECKING:
    from ..jobs.model_comparison import Comparison
    from ..named_models.listing import ListedModel


def print_models(models: Sequence[ListedModel], as_json: bool) -> None:
    """Prints the models that can be named, and which of them are here."""
    from ..named_models.catalog import LICENSE

    if as_json:
        print_json([model.to_json() for model in models])
        return
    table = Table(
        Column("Name", no_wrap=True),
        Column("Edge TPU"),
        Column("Features", justify="right"),
        Column("Here"),
        Column("MB", justify="right"),
        Column("ms/photo", justify="right"),
        box=None,
        pad_edge=False,
    )
    for model in models:
        here = "built in" if model.built_in else "downloaded" if model.path else "-"
        table.add_row(
            model.name,
            "yes" if model.edge_tpu else "-",
            str(model.features or "?"),
            here,
            "" if model.bytes is None else f"{model.bytes / 1e6:.1f}",
            "" if model.milliseconds is None else f"{model.milliseconds:.1f}",
        )
    print_table(table)
    print_line(
        f"\nAll have the license {LICENSE}. Those that are not built in are Coral's: --extractor "
        "downloads one when it is first used. `coral-learn models --compare PHOTOS` measures those "
        "that are here."
    )
    print_hint("coral-learn train PHOTOS --extractor NAME --output DIR")


def print_comparison(comparison: Comparison, as_json: bool) -> None:
    """Prints how good the models are, the most accurate first."""
    print_skipped(comparison.skipped)
    for name, reason in comparison.left_out.items():
        print_note("left out", f"{name}: {reason}")
    if as_json:
        print_json(comparison.to_json())
        return
    table = Table(
        Column("Model", no_wrap=True),
        Column("Accuracy", justify="right"),
        Column("95% interval", no_wrap=True),
        Column("Features", justify="right"),
        Column("MB", justify="right"),
        Column("ms/photo", justify="right"),
        Column("Ran on"),
        box=None,
        pad_edge=False,
    )
    for model in comparison.models:
        table.add_row(
            model.name,
            f"[bold]{percent(model.accuracy)}[/]",
            f"{percent(model.interval[0])} to {percent(model.interval[1])}",
            str(model.features),
            f"{model.bytes / 1e6:.1f}",
            f"{model.milliseconds:.1f}",
            model.device,
        )
    print_table(table)
    classes = counted(len(comparison.classes), "class", "classes")
    print_line(
        f"Accuracy by cross-validation on {counted(comparison.images, 'photo')} of {classes}, the "
        "same for each model."
    )
    print_hint(f"coral-learn train PHOTOS --extractor {comparison.models[0].name} --output DIR")
