"""The command ``coral-learn models``, and the models that other commands take by name."""

from __future__ import annotations

from pathlib import Path

import click

from .options import PATH, cache_option, chosen_cache, device_option, json_option


@click.command("models")
@click.option(
    "--download",
    "names",
    multiple=True,
    metavar="NAME",
    help="Download a model now; may be given several times.",
)
@click.option(
    "--compare",
    "photos",
    type=PATH,
    metavar="PHOTOS",
    help="Train on a folder of class folders with each model that is here, and compare them.",
)
@device_option
@cache_option
@json_option
def models_command(
    names: tuple[str, ...], photos: Path | None, device: str | None, cache: bool, json: bool
) -> None:
    """List, download or compare the models that --extractor takes by name.

    A model is downloaded when it is first used, and then kept in your cache folder. A name without
    -edgetpu stands for the compiled model where an Edge TPU is used. The environment variable
    CORAL_LEARN_MODELS_URL names another address to download from.
    """
    from . import model_display

    _download(names)
    if photos is None:
        from ..named_models.listing import list_models

        model_display.print_models(list_models(), json)
    else:
        from ..jobs.model_comparison import compare_models
        from ..progress import progress_bars

        with progress_bars() as update:
            comparison = compare_models(
                photos, device=device, cache=chosen_cache(cache), progress=update
            )
        model_display.print_comparison(comparison, json)


def _download(names: tuple[str, ...]) -> None:
    """Downloads the models that are not here yet; all names are checked first."""
    from ..named_models.catalog import BUILTIN_NAME, find_model
    from ..named_models.store import fetch_model
    from .display import download_bar

    for model in [find_model(name) for name in names if name != BUILTIN_NAME]:
        with download_bar(model.name) as progress:
            fetch_model(model, progress)


def named_extractor(given: Path | None, device: str | None = None) -> Path | None:
    """Returns the path that ``extractor_option`` stands for, None for the built-in extractor.

    A named model is downloaded if it is not here yet.
    """
    if given is None:
        return None
    from ..named_models.chosen import choose_model
    from .display import download_bar, print_facts

    with download_bar(str(given)) as progress:
        chosen = choose_model(given, device, progress)
    print_facts(chosen.notes)
    return chosen.path
