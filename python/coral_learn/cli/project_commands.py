"""The commands ``coral-learn project ...``: a model whose classes change over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..words import printable
from .model_commands import named_extractor
from .options import (
    PATH,
    cache_option,
    chosen_cache,
    device_option,
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
    from ..tflite.normalization import Normalization
    from ..tflite.resizing import Resize

folder_argument = click.argument("folder", type=PATH, metavar="PROJECT")
name_argument = click.argument("name", metavar="CLASS")


@click.group("project")
def project_app() -> None:
    """Keep a model and change its classes later.

    Add, remove and rename classes. Every change can be undone.
    """


@project_app.command("create")
@folder_argument
@extractor_option
@input_range_option
@resize_option
@click.option(
    "--tensor",
    metavar="NAME",
    help="Tensor of the model to take as the embedding. By default the output of an extractor, and "
    "the input of a classifier's last layer.",
)
@input_size_option
@force_option
def _create(
    folder: Path,
    extractor: Path | None,
    tensor: str | None,
    input_size: tuple[int, int] | None,
    input_range: Normalization | None,
    resize: Resize | None,
    force: bool,
) -> None:
    """Create a project without classes."""
    from ..jobs.outputs import foreign_file
    from ..project.new_extractor import prepare_extractor
    from ..project.project import Project
    from ..project.store import ProjectStore
    from . import display

    extractor = named_extractor(extractor)
    store = ProjectStore(folder)
    if store.extractor.exists() and not store.exists() and not force:
        new = prepare_extractor(extractor, tensor, input_size, input_range, resize).model
        confirm_overwriting(foreign_file(store.extractor, new.content), force=force)
    made = Project.create(
        folder,
        extractor,
        tensor_name=tensor,
        input_size=input_size,
        normalization=input_range,
        resize=resize,
    )
    display.print_facts(made.notes)
    display.print_hint(f"coral-learn project add {folder} CLASS PHOTO...")


@project_app.command("add")
@folder_argument
@name_argument
@click.argument("photos", type=PATH, metavar="PHOTO...", nargs=-1, required=True)
@device_option
@cache_option
def _add(folder: Path, name: str, photos: Sequence[Path], device: str | None, cache: bool) -> None:
    """Add photos, or folders of photos, to a class.

    Creates the class if the project does not have it.
    """
    from ..extraction.photo_rows import SkippedPhoto
    from ..project.class_photos import photos_of_class
    from ..project.project import Project
    from . import display
    from .tables import print_project

    project = Project(folder)
    paths = [path for given in photos for path in photos_of_class(given, folder, name)]
    skipped: list[SkippedPhoto] = []
    add = project.add_photos if name in project.classes else project.add_class
    added = add(
        name,
        paths,
        device=device,
        cache=chosen_cache(cache),
        progress=True,
        on_error=lambda _, error: skipped.append(SkippedPhoto.from_error(error)),
    )
    display.print_skipped(skipped)
    display.print_facts(project.notes + added.notes)
    print_project(project)


@project_app.command("remove")
@folder_argument
@name_argument
def _remove(folder: Path, name: str) -> None:
    """Remove a class and its embeddings."""
    from ..project.project import Project
    from .tables import print_project

    project = Project(folder)
    project.remove_class(name)
    print_project(project)


@project_app.command("rename")
@folder_argument
@name_argument
@click.argument("new_name")
def _rename(folder: Path, name: str, new_name: str) -> None:
    """Rename a class."""
    from ..project.project import Project
    from .tables import print_project

    project = Project(folder)
    project.rename_class(name, new_name)
    print_project(project)


@project_app.command("undo")
@folder_argument
def _undo(folder: Path) -> None:
    """Undo the last change."""
    from ..project.project import Project
    from . import display
    from .tables import print_project

    project = Project(folder)
    display.print_line(f"Undone: {printable(str(project.undo()))}")
    print_project(project)


@project_app.command("show")
@folder_argument
@json_option
def _show(folder: Path, json: bool) -> None:
    """Show the classes, the accuracy and the changes so far."""
    from ..project.project import Project
    from . import display
    from .tables import print_project

    project = Project(folder)
    if json:
        display.print_json(project.to_json())
    else:
        print_project(project)
        display.print_changes(project)


@project_app.command("export")
@folder_argument
@output_option
@force_option
def _export(folder: Path, output: Path, force: bool) -> None:
    """Write the retrained model and its label map."""
    from ..jobs.outputs import foreign_results
    from ..project.project import Project
    from . import display

    confirm_overwriting(foreign_results(output), force=force)
    model = Project(folder).export(output)
    display.print_hint(f"coral-learn classify {model} PHOTO.jpg")
