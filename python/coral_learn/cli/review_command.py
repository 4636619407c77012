"""The command ``coral-learn review``: what is wrong with photos, and correcting it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from .model_commands import named_extractor
from .options import (
    PATH,
    WholeNumber,
    cache_option,
    chosen_cache,
    device_option,
    extractor_option,
    force_option,
    input_range_option,
    input_size_option,
    json_option,
    view_option,
)
from .overwriting import confirm_overwriting
from .review_changes import change_photos

if TYPE_CHECKING:
    from ..jobs.review.photos import ReviewedPhotos
    from ..jobs.review.sources import Extraction
    from ..tflite.normalization import Normalization
    from ..tflite.resizing import View

_OPTIONS_OF_CHANGES = ("source", "table", "undo", "dry_run", "json")


@click.command("review")
@click.argument("source", type=PATH, metavar="DATA_DIR|PROJECT|MODEL", required=False)
@extractor_option
@click.option(
    "--photos",
    type=PATH,
    metavar="DIR",
    help="Where the photos of a model or a project are (MODEL and PROJECT only).",
)
@click.option(
    "--unlabelled",
    type=PATH,
    metavar="DIR",
    help="Folder of unlabelled photos, of which those are named that teach most.",
)
@click.option(
    "--count",
    type=WholeNumber(min=1),
    metavar="N",
    default=20,
    help="Number of unlabelled photos to name.",
)
@click.option(
    "--output",
    type=PATH,
    metavar="FILE.html|DIR",
    help="Write a page with thumbnails, and beside it a CSV file to edit and give to --apply. A "
    "project without --photos gets the page only: correct it with `coral-learn project move`.",
)
@click.option(
    "--apply",
    "table",
    type=PATH,
    metavar="FILE.csv",
    help="Move photos as the column action of an edited CSV file says: move puts a photo into the "
    "folder of the class new_label, drop into a folder beside DATA_DIR.",
)
@click.option(
    "--undo", type=PATH, metavar="FILE.undo.csv", help="Move back what --apply has moved."
)
@click.option("--dry-run", is_flag=True, help="Show what --apply would do, and do nothing.")
@click.option(
    "--limit",
    type=WholeNumber(min=1),
    metavar="N",
    default=10,
    help="Number of photos of each kind to print; files and --json have all of them.",
)
@click.option(
    "--seed", type=WholeNumber(min=0), metavar="N", default=0, help="Seed of the cross-validation."
)
@input_size_option
@input_range_option
@view_option
@device_option
@cache_option
@force_option
@json_option
@click.pass_context
def review_command(
    context: click.Context,
    source: Path | None,
    extractor: Path | None,
    photos: Path | None,
    unlabelled: Path | None,
    count: int,
    output: Path | None,
    table: Path | None,
    undo: Path | None,
    dry_run: bool,
    limit: int,
    seed: int,
    input_size: tuple[int, int] | None,
    input_range: Normalization | None,
    resize: View | None,
    device: str | None,
    cache: bool,
    force: bool,
    json: bool,
) -> None:
    """Find wrong labels, duplicates and bad photos, and correct them.

    Nothing is changed without --apply, and --undo reverts that. Takes what train takes, or a
    project, or a retrained model with photos.csv beside it.
    """
    _check_usage(source, table, undo, dry_run)
    if table is not None or undo is not None:
        _refuse_options_of_reviews(context, "--undo" if table is None else "--apply")
        change_photos(table, undo, dry_run=dry_run, json=json)
        return
    assert source is not None
    from ..jobs.review.outputs import (
        edited_table,
        foreign_review,
        prepare_files,
        review_files,
        write_review,
    )
    from ..jobs.review.run import review_photos
    from ..jobs.review.sources import Extraction
    from . import display

    files = None if output is None else review_files(output)
    if files is not None:
        prepare_files(files, _unchanged_folders(source, photos, unlabelled))
        confirm_overwriting(
            foreign_review(files), force=force, json=json, edited=edited_table(files)
        )
    extractor = named_extractor(extractor, device)
    with display.stage_bars() as report:
        extraction = Extraction(
            extractor, device, chosen_cache(cache), input_size, input_range, resize, report
        )
        reviewed = _read(source, photos, unlabelled, extraction)
        review = review_photos(str(source), reviewed, count=count, seed=seed, progress=report)
    written = [] if files is None else write_review(review, files, reviewed.folder)
    display.print_skipped(review.skipped)
    display.print_facts(review.notes)
    if json:
        display.print_json(review.to_json() | {"files": list(map(str, written))})
    else:
        from .review_display import print_review

        print_review(review, limit, written)


def _check_usage(source: Path | None, table: Path | None, undo: Path | None, dry_run: bool) -> None:
    given = [each for each in (source, table, undo) if each is not None]
    if not given:
        raise click.UsageError(
            "Missing argument 'DATA_DIR|PROJECT|MODEL': give the folder of your photos, or an "
            "edited table with --apply."
        )
    if len(given) > 1:
        raise click.UsageError(
            "Give one of DATA_DIR|PROJECT|MODEL, --apply and --undo: the CSV file says where the "
            "photos are."
        )
    if dry_run and table is None:
        raise click.UsageError("'--dry-run' belongs to --apply.")


def _refuse_options_of_reviews(context: click.Context, mode: str) -> None:
    """Refuses what applying a table, or undoing that, would ignore."""
    given = [
        param.secondary_opts[0] if context.params[param.name] is False else param.opts[0]
        for param in context.command.params
        if param.name not in _OPTIONS_OF_CHANGES
        and context.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"{', '.join(given)}: for a review of photos only, and {mode} moves photos as a file "
            f"says. Leave out {'this option' if len(given) == 1 else 'these options'}."
        )


def _unchanged_folders(
    source: Path, photos: Path | None, unlabelled: Path | None
) -> dict[Path, str]:
    """Returns folders in which a review writes nothing, and what they are."""
    from ..jobs.review.sources import model_in
    from ..project.review import is_project

    folders = {each: "the folder of the photos" for each in (photos, unlabelled) if each}
    if is_project(source):
        folders[source] = "the project"
    elif model_in(source) is None:
        folders[source] = "the folder of the photos"
    return folders


def _read(
    source: Path, photos: Path | None, unlabelled: Path | None, extraction: Extraction
) -> ReviewedPhotos:
    from ..jobs.review.sources import model_in, read_folder, read_model
    from ..project.review import is_project, read_project

    if is_project(source):
        for option, given in (
            ("--extractor", extraction.extractor),
            ("--input-size", extraction.input_size),
        ):
            if given is not None:
                raise click.UsageError(f"'{option}': the project {source} has its own extractor.")
        return read_project(source, photos, extraction, unlabelled)
    model = model_in(source)
    if model is not None:
        return read_model(model, photos, extraction, unlabelled)
    if photos is not None:
        raise click.UsageError(
            f"'--photos' says where the photos of a model or a project are, and {source} is "
            "neither: leave it out."
        )
    return read_folder(source, extraction, unlabelled)
