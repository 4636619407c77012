"""The options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Device = Annotated[
    str | None,
    typer.Option(
        help="cpu, or an Edge TPU: :0, usb, usb:1, pci:0; all for all of them. By default the "
        "first Edge TPU for a compiled model and the CPU for any other.",
        show_default=False,
    ),
]
UseCache = Annotated[
    bool,
    typer.Option(
        "--cache/--no-cache",
        help="Keep what models see in photos in the user's cache folder, so that no photo is "
        "looked at twice.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(help="A label file. By default the labels in the model.", show_default=False),
]
DataDir = Annotated[
    Path, typer.Argument(metavar="DATA_DIR", help="A folder with one folder of photos a class.")
]
Model = Annotated[Path, typer.Argument(metavar="MODEL.tflite", help="A classifier.")]
Extractor = Annotated[Path, typer.Option(metavar="MODEL.tflite", help="The embedding extractor.")]
Output = Annotated[Path, typer.Option(metavar="DIR", help="The folder for the results.")]
