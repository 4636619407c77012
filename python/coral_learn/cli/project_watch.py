"""The command ``coral-learn project watch``: new pictures of a folder go into a class."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..words import counted, printable
from .options import PATH, WholeNumber, cache_option, chosen_cache, device_option

if TYPE_CHECKING:
    from ..extraction.photo_rows import SkippedPhoto
    from ..jobs.watch.picture import Notice
    from ..project.class_watch import Arrival
    from ..project.readable import AddedFiles

_MANY = 20  # pictures, of which a bar shows how far they are


@click.command("watch")
@click.argument("folder", type=PATH, metavar="PROJECT")
@click.argument("name", metavar="CLASS")
@click.argument("watched", type=PATH, metavar="FOLDER")
@click.option("--existing", is_flag=True, help="Add the pictures that are in FOLDER already, too.")
@click.option(
    "--count", type=WholeNumber(min=1), metavar="N", help="End after this number of pictures."
)
@device_option
@cache_option
@click.option("--json", is_flag=True, help="Print a line of JSON for all pictures of a moment.")
def project_watch_command(
    folder: Path,
    name: str,
    watched: Path,
    existing: bool,
    count: int | None,
    device: str | None,
    cache: bool,
    json: bool,
) -> None:
    """Add the new pictures of a folder to a class, as they come.

    Waits for pictures in FOLDER and the folders in it, and creates the class if the project does
    not have it. Of pictures in a row that are nearly the same, the first one counts. Pictures stay
    where they are. Ctrl-C ends it; what came is in the project, and `project undo` takes it back.
    """
    from ..project.class_watch import Arrival, ClassWatch
    from ..project.project import Project
    from ..project.readable import add_readable
    from ..project.state import check_name
    from . import display

    project = Project(folder)
    check_name(project.step, name)

    def add(paths: Sequence[Path]) -> AddedFiles:
        many = len(paths) > _MANY
        return add_readable(
            project, name, paths, device=device, cache=chosen_cache(cache), progress=many
        )

    watch = ClassWatch(watched, folder, add, existing=existing)
    display.print_note("note", f"watching {watched} for pictures of {name}: Ctrl-C ends it")
    seen = 0
    for event in watch.events():
        if isinstance(event, Arrival):
            step = project.step
            photos = step.count(name) if name in step.classes else 0
            _print_arrival(event, name, photos, as_json=json)
            added = event.added
            seen += added.photos + added.copies + len(added.in_other_classes) + event.similar
        else:
            seen += _print_other(event)
        sys.stdout.flush()
        if count is not None and seen >= count:
            return


def _print_arrival(arrival: Arrival, name: str, photos: int, *, as_json: bool) -> None:
    from ..jobs.watch.picture import now
    from ..jobs.watch.run import time_text
    from . import display

    if as_json:
        facts = {"time": time_text(now()), "class": name, **arrival.to_json(), "photos": photos}
        display.print_json(facts)
        return
    added = arrival.added
    parts = [f"{counted(added.photos, 'picture')} added to {name}, which has {photos}"]
    if added.copies:
        parts.append(f"{added.copies} it has already")
    if arrival.similar:
        parts.append(f"{arrival.similar} nearly the same left out")
    display.print_line(f"{datetime.now().astimezone():%H:%M:%S} {printable('; '.join(parts))}")
    for path, label in added.in_other_classes:
        display.print_note("note", f"{path} is in {label!r} already, and stays there")


def _print_other(event: SkippedPhoto | Notice) -> int:
    """Prints what is no result on standard error; returns the number of pictures it is about."""
    from ..jobs.watch.picture import Notice
    from . import display

    if isinstance(event, Notice):
        display.print_note("note", event.text)
        return 0
    display.print_note("skipped", str(event))
    return 1
