"""The command ``coral-learn review``: what is wrong with photos, and correcting it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..words import counted
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

if TYPE_CHECKING:
    from ..jobs.review.moves import Move
    from ..jobs.review.photos import ReviewedPhotos
    from ..jobs.review.sources import Extraction
    from ..tflite.normalization import Normalization
    from ..tflite.resizing import View


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
    help="Write a page with thumbnails, and beside it a CSV file to edit and give to --apply.",
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
def review_command(
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
        _change(table, undo, dry_run, json)
        return
    assert source is not None
    from ..jobs.review.outputs import foreign_review, prepare_files, review_files, write_review
    from ..jobs.review.run import review_photos
    from ..jobs.review.sources import Extraction
    from . import display

    files = None if output is None else review_files(output)
    if files is not None:
        given = [each for each in (photos or source, unlabelled) if each is not None]
        prepare_files(files, given)
        confirm_overwriting(foreign_review(files), force=force, json=json)
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


def _read(
    source: Path, photos: Path | None, unlabelled: Path | None, extraction: Extraction
) -> ReviewedPhotos:
    from ..jobs.review.sources import model_in, read_folder, read_model
    from ..project.review import is_project, read_project

    if is_project(source):
        if extraction.extractor is not None:
            raise click.UsageError(f"'--extractor': the project {source} has its own extractor.")
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


def _change(table: Path | None, undo: Path | None, dry_run: bool, json: bool) -> None:
    from . import display

    moves: list[Move]
    undo_file: Path | None = None
    if table is None:
        assert undo is not None
        from ..jobs.review.moves import undo_moves

        moves = undo_moves(undo)
    else:
        from ..jobs.review.changes import plan_changes
        from ..jobs.review.moves import apply_moves

        plan = plan_changes(table)
        moves = plan.moves
        display.print_facts(plan.notes)
        if moves and not dry_run:
            undo_file = apply_moves(moves, table)
    if json:
        display.print_json(
            {
                "moved": [{"from": str(one), "to": str(other)} for one, other in moves],
                "dry_run": dry_run,
                "undo": None if undo_file is None else str(undo_file),
            }
        )
        return
    for one, other in moves:
        display.print_path_change(one, other)
    _tell_outcome(moves, undo_file, dry_run, is_undo=table is None)


def _tell_outcome(
    moves: list[Move], undo_file: Path | None, dry_run: bool, *, is_undo: bool
) -> None:
    from . import display

    photos = counted(len(moves), "photo")
    if dry_run:
        display.print_line(f"{photos} would move. Nothing is changed.")
    elif is_undo:
        display.print_line(f"{photos} moved back.")
    elif undo_file is None:
        display.print_line("No line has the action move or drop. Nothing is changed.")
    else:
        display.print_line(f"{photos} moved. To undo it: coral-learn review --undo {undo_file}")
