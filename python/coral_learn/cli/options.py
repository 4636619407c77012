"""The options and arguments that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from ..tflite.resizing import Resize, View

if TYPE_CHECKING:
    from ..extraction.cache import EmbeddingCache
    from ..tflite.normalization import Normalization

PATH = click.Path(path_type=Path)


class _Photos(click.ParamType[Path | str]):
    """A path, or an address such as s3://bucket/photos, which stays a text."""

    name = "path"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        if isinstance(value, str) and "://" in value:
            return value
        return PATH.convert(value, param, ctx)


PHOTOS = _Photos()


class Number(click.FloatRange):
    """A number in a range."""

    name = "number"

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Returns the number; infinity and NaN are none."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return number


class WholeNumber(click.IntRange):
    """A whole number in a range."""

    name = "whole number"


class _InputRange(click.ParamType["Normalization"]):
    name = "range"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Normalization:
        from ..tflite.normalization import parse_normalization

        try:
            return parse_normalization(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


INPUT_RANGE = _InputRange()

json_option = click.option("--json", is_flag=True, help="Print one JSON value and nothing else.")
device_option = click.option(
    "--device",
    metavar="DEVICE",
    help="cpu, an Edge TPU (:0, usb, usb:1, pci:0), or all for every Edge TPU. By default the "
    "first Edge TPU for a compiled model, and the CPU for any other model.",
)
cache_option = click.option(
    "--cache/--no-cache",
    default=True,
    help="Keep embeddings in your cache folder, so that the model runs only once on each photo.",
)
input_range_option = click.option(
    "--input-range",
    type=INPUT_RANGE,
    metavar="RANGE",
    help="Range of the pixels that the model takes: 0..255, 0..1, -1..1, imagenet, or MEAN,STD in "
    "pixel values. By default what the model declares or shows, or else what train, evaluate and "
    "project measure on your photos.",
)
view_option = click.option(
    "--resize",
    type=click.Choice(get_args(View)),
    help="How a photo is resized to the input: squash stretches the whole photo, crop takes its "
    "center, linear stretches it as Frigate does. By default what the model was trained with, or "
    "else squash.",
)
resize_option = click.option(
    "--resize",
    type=click.Choice(get_args(Resize)),
    help="How a photo is resized to the input: squash stretches the whole photo, crop takes its "
    "center, both trains on these two, for a model that takes the center, and linear stretches it "
    "as Frigate does, for a model for Frigate. The model remembers it. "
    "By default what the extractor was trained with, or else squash.",
)
labels_option = click.option(
    "--labels",
    type=PATH,
    metavar="FILE",
    help="Label file. By default the labels inside the model.",
)
extractor_option = click.option(
    "--extractor",
    type=PATH,
    metavar="MODEL.tflite|NAME",
    help="Embedding extractor, or a classifier, whose last layer is then cut off. A name, such as "
    "mobilenet-v1, is one that `coral-learn models` lists, and is downloaded once. By default the "
    "built-in extractor, EfficientNet-Lite0.",
)


top_k_option = click.option(
    "--top-k",
    type=WholeNumber(min=1),
    metavar="N",
    default=1,
    help="Number of classes to name for each photo.",
)


def _parse_input_size(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Returns width and height from a number of pixels or WIDTHxHEIGHT."""
    if value is None:
        return None
    from ..tflite.image_shape import checked_size

    width, _, height = value.lower().partition("x")
    try:
        return checked_size((int(width), int(height or width)))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a size, such as 224 or 320x240") from None


input_size_option = click.option(
    "--input-size",
    callback=_parse_input_size,
    metavar="N|WxH",
    help="Size of the input in pixels, for a model that takes photos of any size. By default 224.",
)
engine_option = click.option(
    "--engine",
    type=click.Choice(("local", "ray")),
    default="local",
    help="What does the work: threads on this machine, or Ray, on this machine or a cluster "
    "(pip install 'coral-learn[ray]').",
)
address_option = click.option(
    "--address",
    metavar="ADDRESS",
    help="Ray cluster to use, such as auto or ray://HOST:10001 (ray only). All its machines must "
    "be able to read the photos and the embeddings. By default Ray is started on this machine.",
)
output_option = click.option(
    "--output", type=PATH, required=True, metavar="DIR", help="Folder for the results."
)
force_option = click.option(
    "--force",
    is_flag=True,
    help="Overwrite files in the output that are not an earlier result of this command.",
)
data_dir_argument = click.argument("data_dir", type=PHOTOS)
model_argument = click.argument("model", type=PATH, metavar="MODEL.tflite")


def chosen_cache(cache: bool) -> EmbeddingCache | None:
    """Returns the cache that ``cache_option`` asks for."""
    from ..extraction.cache import EmbeddingCache

    return EmbeddingCache() if cache else None
