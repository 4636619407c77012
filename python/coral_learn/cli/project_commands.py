"""The commands ``coral-learn project ...``: living with a model."""

from pathlib import Path
from typing import Annotated

import typer

from ..dataset import Skipped, photos_below
from ..extraction.cache import EmbeddingCache
from ..project import Project
from . import display
from .options import Device, Extractor, Json, Output, UseCache

project_app = typer.Typer(
    help="Keep a model: add, remove and rename classes later, and take changes back.",
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project's folder.")]
Name = Annotated[str, typer.Argument(metavar="CLASS", help="The name of a class.")]


@project_app.command("create")
def _create(folder: Folder, extractor: Extractor) -> None:
    """Start a project without classes."""
    Project.create(folder, extractor)
    display.print_hint(f"coral-learn project add {folder} CLASS PHOTO...")


@project_app.command("add")
def _add(
    folder: Folder,
    name: Name,
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="Photos, or folders of photos.")
    ],
    device: Device = None,
    cache: UseCache = True,
) -> None:
    """Add photos to a class, which is made where it is new."""
    project = Project(folder)
    paths = [path for given in photos for path in photos_below(given)]
    skipped: list[Skipped] = []
    add = project.add_photos if name in project.classes else project.add_class
    add(
        name,
        paths,
        device=device,
        cache=EmbeddingCache() if cache else None,
        progress=True,
        on_error=lambda index, error: skipped.append(Skipped(str(paths[index]), error.reason)),
    )
    display.print_skipped(skipped)
    display.print_project(project)


@project_app.command("remove")
def _remove(folder: Folder, name: Name) -> None:
    """Remove a class and what was learned of it."""
    project = Project(folder)
    project.remove_class(name)
    display.print_project(project)


@project_app.command("rename")
def _rename(
    folder: Folder,
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="Its new name.")],
) -> None:
    """Rename a class."""
    project = Project(folder)
    project.rename_class(name, new_name)
    display.print_project(project)


@project_app.command("undo")
def _undo(folder: Folder) -> None:
    """Take the last change back."""
    project = Project(folder)
    display.results.print(f"Took back: {project.undo()}", markup=False, highlight=False)
    display.print_project(project)


@project_app.command("show")
def _show(folder: Folder, json: Json = False) -> None:
    """Show the classes, the accuracy and the changes so far."""
    project = Project(folder)
    if json:
        display.print_json(project.to_json())
    else:
        display.print_project(project)


@project_app.command("export")
def _export(folder: Folder, output: Output) -> None:
    """Write the retrained model and its label map."""
    model = Project(folder).export(output)
    display.print_hint(f"coral-learn classify {model} PHOTO.jpg")
