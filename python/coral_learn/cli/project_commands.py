"""The commands ``coral-learn project ...``: a model whose classes change over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from .project_watch import project_watch_command
from .review_command import review_command

if TYPE_CHECKING:
    from ..jobs.review.findings import Doubtful
    from ..project.index import Keep
    from ..project.project import Project
    from ..tflite.normalization import Normalization
    from ..tflite.resizing import Resize

folder_argument = click.argument("folder", type=PATH, metavar="PROJECT")
name_argument = click.argument("name", metavar="CLASS")
photos_argument = click.argument("photos", metavar="PHOTO...", nargs=-1, required=True)


@click.group("project")
def project_app() -> None:
    """Keep a model and change its classes and photos later.

    Every change can be undone, and made again.
    """


project_app.add_command(review_command, "review")
project_app.add_command(project_watch_command, "watch")


@contextmanager
def _changing(folder: Path) -> Iterator[Project]:
    """Opens a project to be changed, and prints what it is then."""
    from ..project.project import Project
    from .tables import print_project

    project = Project(folder)
    yield project
    print_project(project)


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
@click.option(
    "--keep",
    type=click.Choice(["originals", "thumbnails", "nothing"]),
    default="originals",
    help="What to keep of the photos themselves, to look at them later: copies of their files, "
    "small copies, or nothing. Embeddings are always kept.",
)
@force_option
def _create(
    folder: Path,
    extractor: Path | None,
    tensor: str | None,
    input_size: tuple[int, int] | None,
    input_range: Normalization | None,
    resize: Resize | None,
    keep: Keep,
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
        keep=keep,
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

    Creates the class if the project does not have it. A PHOTO may be a folder of embeddings, which
    embed has made with PROJECT/extractor.tflite: its photos of this class are added.
    """
    from ..embedded.folder import is_embedded
    from ..extraction.photo_rows import SkippedPhoto
    from ..project.class_photos import photos_of_class
    from ..project.project import Project
    from . import display
    from .tables import print_project

    project = Project(folder)
    embedded = [given for given in photos if is_embedded(given)]
    for given in embedded:
        display.print_facts(project.add_embedded(name, given).notes)
    others = [given for given in photos if given not in embedded]
    if not others:
        display.print_facts(project.notes)
        print_project(project)
        return
    paths = [path for given in others for path in photos_of_class(given, folder, name)]
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
    with _changing(folder) as project:
        project.remove_class(name)


@project_app.command("rename")
@folder_argument
@name_argument
@click.argument("new_name")
def _rename(folder: Path, name: str, new_name: str) -> None:
    """Rename a class."""
    with _changing(folder) as project:
        project.rename_class(name, new_name)


@project_app.command("photos")
@folder_argument
@click.argument("name", metavar="[CLASS]", required=False)
@json_option
def _photos(folder: Path, name: str | None, json: bool) -> None:
    """List the photos, of all classes or of one."""
    from ..project.project import Project
    from . import display
    from .tables import print_photos

    project = Project(folder)
    photos = project.photos_of(name) if name is not None else project.photos
    if json:
        display.print_json({"photos": [photo.to_json() for photo in photos]})
    else:
        print_photos(photos)


@project_app.command("move")
@folder_argument
@name_argument
@photos_argument
def _move(folder: Path, name: str, photos: Sequence[str]) -> None:
    """Move photos to another class.

    A PHOTO is its id as `project photos` lists it, or the file that was added.
    """
    with _changing(folder) as project:
        project.move_photos(name, photos)


@project_app.command("drop")
@folder_argument
@photos_argument
def _drop(folder: Path, photos: Sequence[str]) -> None:
    """Remove photos.

    A PHOTO is its id as `project photos` lists it, or the file that was added.
    """
    with _changing(folder) as project:
        project.drop_photos(photos)


@project_app.command("confirm")
@folder_argument
@photos_argument
def _confirm(folder: Path, photos: Sequence[str]) -> None:
    """Note that labels are right, so that they are not doubted again.

    A PHOTO is its id as `project doubtful` lists it, or the file that was added.
    """
    with _changing(folder) as project:
        project.confirm_photos(photos)


@project_app.command("doubtful")
@folder_argument
@json_option
def _doubtful(folder: Path, json: bool) -> None:
    """List the photos whose label is probably wrong.

    Judged by models that were trained without them, as `coral-learn review` does. Those that were
    confirmed are left out.
    """
    from ..project.review import doubtful_photos
    from . import display
    from .tables import print_doubtful

    found = doubtful_photos(folder)
    if json:
        display.print_json({"doubtful": [_of_project(each) for each in found]})
    else:
        print_doubtful(folder, found)


def _of_project(found: Doubtful) -> dict[str, Any]:
    """Returns a doubtful photo with the keys that `project photos` has, and what speaks against."""
    picture = None if found.photo.path is None else str(found.photo.path)
    label = {"id": found.photo.name, "label": found.photo.label, "picture": picture}
    return label | {"suggested": found.suggested, "probability": found.probability}


@project_app.command("undo")
@folder_argument
def _undo(folder: Path) -> None:
    """Undo the last change."""
    from . import display

    with _changing(folder) as project:
        display.print_line(f"Undone: {printable(str(project.undo()))}")


@project_app.command("redo")
@folder_argument
def _redo(folder: Path) -> None:
    """Make the change again that was undone last."""
    from . import display

    with _changing(folder) as project:
        display.print_line(f"Made again: {printable(str(project.redo()))}")


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
