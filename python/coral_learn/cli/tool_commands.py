"""The commands ``coral-learn extractor``, ``doctor`` and ``cache``."""

import sys
from pathlib import Path

import click

from ..edgetpu.doctor import doctor
from ..extraction.cache import EmbeddingCache
from ..files import write_atomically
from ..tflite.cut import cut_at_embedding
from ..tflite.embedding import list_candidates, read_embedding
from ..tflite.file import ModelFile
from ..tflite.normalization import Normalization
from . import display
from .options import PATH, input_range_option, json_option


@click.command("extractor")
@click.argument("classifier", type=PATH, metavar="CLASSIFIER.tflite")
@click.option("--output", type=PATH, metavar="EXTRACTOR.tflite", help="File to write.")
@click.option(
    "--tensor",
    metavar="NAME",
    help="Tensor to cut the model at. By default the input of the last layer.",
)
@click.option(
    "--list", "list_", is_flag=True, help="List the tensors at which the model can be cut."
)
@input_range_option
@json_option
def extractor_command(
    classifier: Path,
    output: Path | None,
    tensor: str | None,
    list_: bool,
    input_range: Normalization | None,
    json: bool,
) -> None:
    """Make an embedding extractor from a classifier.

    Removes the last layer of any image classifier.
    """
    if list_:
        display.print_candidates(list_candidates(classifier), json)
        return
    if output is None:
        raise click.UsageError("Missing option '--output': give the path of the new extractor.")
    extractor = cut_at_embedding(ModelFile.open(classifier), tensor)
    if input_range is not None:
        extractor = extractor.with_normalization(input_range)
    write_atomically(output, extractor.content)
    display.print_extractor(output, read_embedding(extractor), json)


@click.command("doctor")
@click.option("--model", type=PATH, metavar="MODEL.tflite", help="A model to check as well.")
@json_option
def doctor_command(model: Path | None, json: bool) -> None:
    """Check whether models can run on this machine.

    Lists each problem with its fix. The exit status is 1 if there is a problem.
    """
    diagnosis = doctor(model)
    if json:
        display.print_json(diagnosis.to_json())
    else:
        display.print_diagnosis(diagnosis)
    sys.exit(0 if diagnosis.ok else 1)


@click.command("cache")
@click.option("--clear", is_flag=True, help="Delete all cached embeddings.")
@json_option
def cache_command(clear: bool, json: bool) -> None:
    """Show or clear the cache of embeddings."""
    cache = EmbeddingCache()
    if clear:
        cache.clear()
    info = cache.info()
    if json:
        display.print_json({**vars(info), "path": str(info.path)})
    else:
        display.print_cache(info)
