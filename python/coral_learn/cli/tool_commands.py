"""The commands ``coral-learn extractor``, ``doctor`` and ``cache``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import PATH, force_option, input_range_option, input_size_option, json_option
from .overwriting import confirm_overwriting

if TYPE_CHECKING:
    from ..tflite.file import ModelFile
    from ..tflite.normalization import Normalization
    from ..tflite.open_extractor import OpenedExtractor


@click.command("extractor")
@click.argument("classifier", type=PATH, metavar="CLASSIFIER.tflite")
@click.option("--output", type=PATH, metavar="EXTRACTOR.tflite", help="File to write.")
@click.option(
    "--tensor",
    metavar="NAME",
    help="Tensor to cut the model at; auto measures several on the photos of --photos. By default "
    "the input of the last layer.",
)
@click.option(
    "--photos", type=PATH, metavar="DIR", help="Folder of class folders (with --tensor auto only)."
)
@click.option(
    "--list", "list_", is_flag=True, help="List the tensors at which the model can be cut."
)
@input_size_option
@input_range_option
@force_option
@json_option
def extractor_command(
    classifier: Path,
    output: Path | None,
    tensor: str | None,
    photos: Path | None,
    list_: bool,
    input_size: tuple[int, int] | None,
    input_range: Normalization | None,
    force: bool,
    json: bool,
) -> None:
    """Make an embedding extractor from a classifier.

    Removes the last layer of any image classifier.
    """
    from ..files import write_atomically
    from ..jobs.outputs import foreign_extractor, refuse_own_input
    from ..tflite.embedding import list_candidates, read_embedding
    from ..tflite.file import ModelFile
    from ..tflite.input_shape import fix_input_shape
    from ..tflite.open_extractor import AUTO
    from . import display

    if list_:
        from .tables import print_candidates

        print_candidates(list_candidates(classifier), json)
        return
    if output is None:
        raise click.UsageError("Missing option '--output': give the path of the new extractor.")
    if (tensor == AUTO) != (photos is not None):
        raise click.UsageError("'--tensor auto' and '--photos' belong together: give both.")
    refuse_own_input(output, classifier)
    confirm_overwriting(foreign_extractor(output), force=force, json=json)
    model = fix_input_shape(ModelFile.open(classifier), input_size)
    if input_range is not None:
        model = model.with_normalization(input_range)
    extractor, notes = _cut(model, tensor, photos)
    if extractor.has_unknown_range:
        notes = [*notes, _note_of_unknown_range(output)]
    write_atomically(output, extractor.content)
    display.print_facts(notes)
    display.print_extractor(output, read_embedding(extractor), notes, json)


def _cut(model: ModelFile, tensor: str | None, photos: Path | None) -> OpenedExtractor:
    if photos is not None:
        from ..dataset.folder import ImageFolder
        from ..jobs.tensor_choice import measure_tensors

        return measure_tensors(model, ImageFolder(photos))
    from ..tflite.cut import cut_at_embedding
    from ..tflite.open_extractor import OpenedExtractor, hints_of_cut

    extractor = cut_at_embedding(model, tensor)
    return OpenedExtractor(extractor, [] if tensor else hints_of_cut(model, extractor))


def _note_of_unknown_range(extractor: Path) -> str:
    from ..tflite.normalization import INPUT_RANGES

    return (
        f"{extractor} takes float32 and does not say in which range: train, evaluate and project "
        "measure it on your photos, but a Python program that runs it gets -1..1 by assumption. If "
        f"you know the range, give it with --input-range, one of {', '.join(INPUT_RANGES)}"
    )


@click.command("doctor")
@click.option("--model", type=PATH, metavar="MODEL.tflite", help="A model to check as well.")
@click.option(
    "--device",
    metavar="DEVICE",
    help="A device to check for: cpu, or an Edge TPU (:0, usb, usb:1, pci:0). By default an Edge "
    "TPU that is attached, or that the model needs.",
)
@json_option
def doctor_command(model: Path | None, device: str | None, json: bool) -> None:
    """Check whether models can run on this machine.

    Lists each problem with its fix. A machine without an Edge TPU has a problem only if one is
    asked for. The exit status is 1 if there is a problem.
    """
    from ..edgetpu.doctor import doctor
    from . import display

    diagnosis = doctor(model, device=device)
    if json:
        display.print_json(diagnosis.to_json())
    else:
        from .tables import print_diagnosis

        print_diagnosis(diagnosis)
    sys.exit(0 if diagnosis.ok else 1)


@click.command("cache")
@click.option("--clear", is_flag=True, help="Delete all cached embeddings.")
@json_option
def cache_command(clear: bool, json: bool) -> None:
    """Show or clear the cache of embeddings."""
    from ..extraction.cache import EmbeddingCache
    from . import display

    cache = EmbeddingCache()
    if clear:
        cache.clear()
    info = cache.info()
    if json:
        display.print_json({**vars(info), "path": str(info.path)})
    else:
        display.print_cache(info)
