"""The command ``coral-learn train``: making a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
from click.core import ParameterSource

from ..jobs.settings import Method, SgdSettings
from .model_commands import named_extractor
from .options import (
    PHOTOS,
    Number,
    WholeNumber,
    address_option,
    cache_option,
    chosen_cache,
    device_option,
    engine_option,
    extractor_option,
    force_option,
    input_range_option,
    input_size_option,
    json_option,
    output_option,
    resize_option,
)
from .overwriting import confirm_overwriting

if TYPE_CHECKING:
    from ..jobs.engines import EngineName
    from ..jobs.retraining import RetrainResult
    from ..tflite.normalization import Normalization
    from ..tflite.resizing import Resize

_FRACTION = Number(0, 1, max_open=True)
_DRAWN = ""  # no folder has this name
_SGD_OPTIONS = ("iterations", "learning_rate", "batch_size", "weight_scale")


@click.command("train")
@click.argument("data_dir", type=PHOTOS, metavar="DATA_DIR", required=False)
@extractor_option
@click.option(
    "--tensor",
    metavar="NAME",
    help="Tensor of the model to take as the embedding; auto measures several on your photos. By "
    "default the output of an extractor, and the input of a classifier's last layer.",
)
@output_option
@click.option(
    "--method",
    type=click.Choice(get_args(Method)),
    default="fit",
    help="How to train: fit gives the most accurate model and needs no settings, sgd follows "
    "Coral's tutorial, and imprint is for a few photos.",
)
@click.option(
    "--iterations",
    type=WholeNumber(min=1),
    metavar="N",
    default=SgdSettings.iterations,
    help="Number of training steps (sgd only).",
)
@click.option(
    "--learning-rate",
    type=Number(min=0),
    metavar="X",
    default=SgdSettings.learning_rate,
    help="Size of a training step (sgd only).",
)
@click.option(
    "--batch-size",
    type=WholeNumber(min=1),
    metavar="N",
    default=SgdSettings.batch_size,
    help="Number of photos in a training step (sgd only).",
)
@click.option(
    "--weight-scale",
    type=Number(min=0),
    metavar="X",
    default=SgdSettings.weight_scale,
    help="Scale of the random initial weights (sgd only).",
)
@click.option(
    "--val",
    type=_FRACTION,
    metavar="X",
    default=0.1,
    help="Fraction of the photos for validation; 0.1 is a tenth of them.",
)
@click.option(
    "--test",
    type=_FRACTION,
    metavar="X",
    default=0.1,
    help="Fraction of the photos for the final test.",
)
@click.option(
    "--seed",
    type=WholeNumber(min=0),
    metavar="N",
    default=0,
    help="Seed of the random split and training. The same seed gives the same model.",
)
@input_size_option
@input_range_option
@resize_option
@click.option(
    "--precision",
    type=Number(0, 1),
    metavar="P",
    help="Fraction of the answers that are to be right, such as 0.95. The model keeps the "
    'threshold that it takes, below which classify says "I don\'t know".',
)
@click.option(
    "--none-of-these",
    is_flag=False,
    flag_value=_DRAWN,
    metavar="[FOLDER]",
    help="Add a class none for anything else, with the photos in FOLDER. Without FOLDER, pictures "
    "are drawn for it, a weak start: it then refuses about 1 of 100 photos of a flower that it has "
    "not seen, and 25 with photos of a further flower.",
)
@engine_option
@address_option
@click.option(
    "--workers",
    type=WholeNumber(min=1, max=1024),
    metavar="N",
    help="Number of actors that hold the embeddings (ray only). By default one for each processor.",
)
@device_option
@cache_option
@force_option
@json_option
@click.pass_context
def train_command(
    context: click.Context,
    data_dir: Path | str | None,
    extractor: Path | None,
    tensor: str | None,
    output: Path,
    method: Method,
    iterations: int,
    learning_rate: float,
    batch_size: int,
    weight_scale: float,
    val: float,
    test: float,
    seed: int,
    input_size: tuple[int, int] | None,
    input_range: Normalization | None,
    resize: Resize | None,
    precision: float | None,
    none_of_these: str | None,
    engine: EngineName,
    address: str | None,
    workers: int | None,
    device: str | None,
    cache: bool,
    force: bool,
    json: bool,
) -> None:
    """Retrain a classifier on your photos.

    Trains a new last layer for an embedding extractor, then saves and tests the model.

    DATA_DIR contains one folder of photos for each class, or train, val and test with such folders.
    It may be a zip or tar file of these, or a CSV or JSON Lines file of paths and classes, also at
    an address such as s3://bucket/photos, or a folder of embeddings, which embed writes, however
    many they are: the head is then fitted without having all of them in memory.
    """
    from ..jobs.engines import EngineOptions
    from ..jobs.outputs import foreign_results
    from ..jobs.retraining import retrain
    from . import display

    if data_dir is None:
        hint = ", and the folder after --none-of-these is not it: write DATA_DIR before the options"
        raise click.UsageError(f"Missing argument 'DATA_DIR'{hint if none_of_these else ''}.")
    if method != "sgd":
        _refuse_sgd_options(context, method)
    options = EngineOptions(engine, device, workers, address=address)
    settings = SgdSettings(iterations, learning_rate, batch_size, weight_scale)
    confirm_overwriting(foreign_results(output), force=force, json=json)
    extractor = named_extractor(extractor, device)
    with display.stage_bars() as report:
        result = retrain(
            data_dir,
            extractor,
            output,
            tensor_name=tensor,
            method=method,
            sgd=settings if method == "sgd" else None,
            validation=val,
            test=test,
            seed=seed,
            device=device,
            cache=chosen_cache(cache),
            input_size=input_size,
            progress=report,
            normalization=input_range,
            resize=resize,
            precision=precision,
            none_of_these=True if none_of_these == _DRAWN else none_of_these,
            engine=options,
        )
    show_retrained(result, f"coral-learn classify {result.model} PHOTO.jpg", json)


def _refuse_sgd_options(context: click.Context, method: Method) -> None:
    """Refuses settings of SGD that another method would ignore."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in _SGD_OPTIONS
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if given:
        raise click.UsageError(
            f"{', '.join(given)}: for SGD only, and the method is {method}. Add --method sgd, or "
            f"leave out {'this option' if len(given) == 1 else 'these options'}."
        )


def show_retrained(result: RetrainResult, hint: str, json: bool) -> None:
    """Prints what a retraining gave, and the command to run next."""
    from . import display

    display.print_skipped(result.skipped)
    display.print_facts(result.notes)
    if json:
        display.print_json(result.to_json())
    else:
        from .tables import print_retrained

        print_retrained(result)
        display.print_hint(hint)
