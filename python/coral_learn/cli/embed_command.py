"""The command ``coral-learn embed``: photos to Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from ..tflite.resizing import View
from .model_commands import named_extractor
from .options import (
    PHOTOS,
    WholeNumber,
    address_option,
    cache_option,
    chosen_cache,
    device_option,
    engine_option,
    extractor_option,
    input_range_option,
    input_size_option,
    json_option,
    output_option,
)

if TYPE_CHECKING:
    from ..jobs.engines import EngineName
    from ..tflite.normalization import Normalization


@click.command("embed")
@click.argument("photos", type=PHOTOS, metavar="PHOTOS")
@extractor_option
@click.option(
    "--tensor",
    metavar="NAME",
    help="Tensor of the model to take as the embedding. By default the output of an extractor, and "
    "the input of a classifier's last layer.",
)
@output_option
@engine_option
@address_option
@click.option(
    "--workers",
    type=WholeNumber(min=1, max=1024),
    metavar="N",
    help="Number of photos at once. By default the number of processors.",
)
@input_size_option
@input_range_option
@click.option(
    "--resize",
    type=click.Choice(get_args(View)),
    help="How a photo is resized to the input, as for train.",
)
@device_option
@cache_option
@json_option
def embed_command(
    photos: str | Path,
    extractor: Path | None,
    tensor: str | None,
    output: Path,
    engine: EngineName,
    address: str | None,
    workers: int | None,
    input_size: tuple[int, int] | None,
    input_range: Normalization | None,
    resize: View | None,
    device: str | None,
    cache: bool,
    json: bool,
) -> None:
    """Turn photos into a folder of embeddings.

    Writes Parquet files, which train, evaluate and project take in place of PHOTOS, however many
    they are. Needs pip install 'coral-learn[parquet]'.

    PHOTOS is what train takes: a folder, an archive or a listing, also at an address such as
    s3://bucket/photos, whose photos are read without keeping copies.

    Run the same command again to continue: only photos that are new or changed are embedded, and
    rows of photos that are gone are removed.
    """
    from ..jobs.embedding.run import embed
    from ..jobs.engines import EngineOptions
    from . import display

    extractor = named_extractor(extractor, device)
    options = EngineOptions(engine, device, workers, chosen_cache(cache), address)
    with display.stage_bars(rate=True) as report:
        result = embed(
            photos,
            extractor,
            output,
            tensor_name=tensor,
            input_size=input_size,
            normalization=input_range,
            resize=resize,
            options=options,
            progress=report,
        )
    display.print_skipped(result.skipped)
    display.print_facts(result.notes)
    if json:
        display.print_json(result.to_json())
    else:
        from .tables import print_embedded

        print_embedded(result)
        display.print_hint(f"coral-learn train {result.output} --output MODEL_DIR")
