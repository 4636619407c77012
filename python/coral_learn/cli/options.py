"""The options and arguments that several commands share."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)

json_option = click.option("--json", is_flag=True, help="Print one JSON object and nothing else.")
device_option = click.option(
    "--device",
    metavar="DEVICE",
    help="cpu, or an Edge TPU: :0, usb, usb:1, pci:0; all for all of them. By default the first "
    "Edge TPU for a compiled model and the CPU for any other.",
)
cache_option = click.option(
    "--cache/--no-cache",
    default=True,
    help="Keep what models see in photos in the user's cache folder, so that no photo is looked at "
    "twice.",
)
labels_option = click.option(
    "--labels", type=PATH, metavar="FILE", help="A label file. By default the labels in the model."
)
extractor_option = click.option(
    "--extractor", type=PATH, required=True, metavar="MODEL.tflite", help="The embedding extractor."
)
output_option = click.option(
    "--output", type=PATH, required=True, metavar="DIR", help="The folder for the results."
)
data_dir_argument = click.argument("data_dir", type=PATH)
model_argument = click.argument("model", type=PATH, metavar="MODEL.tflite")
