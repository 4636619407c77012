"""The command ``coral-learn studio``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .model_commands import named_extractor
from .options import PATH, WholeNumber, device_option, extractor_option, resize_option

if TYPE_CHECKING:
    from ..project.index import Keep
    from ..project.project import Project
    from ..tflite.resizing import Resize

_INSTALL = "pip install 'coral-learn[studio]'"


@click.command("studio")
@click.argument("folder", type=PATH, metavar="[PROJECT]", default="my-project")
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="Address to listen on. By default only this machine can connect; with 0.0.0.0, or the "
    "address of this machine, all who have the link that is printed.",
)
@click.option(
    "--port", type=WholeNumber(min=0, max=65535), default=8080, help="Port; 0 for a free one."
)
@click.option(
    "--https",
    is_flag=True,
    help="Use HTTPS, without which a browser elsewhere, such as a phone's, opens no camera. The "
    "certificate is made here, and browsers warn of it once.",
)
@extractor_option
@resize_option
@click.option(
    "--keep",
    type=click.Choice(["originals", "thumbnails", "nothing"]),
    help="What a new project keeps of the pictures themselves. By default originals.",
)
@device_option
@click.option(
    "--camera",
    metavar="CAMERA",
    help="Camera of this machine, which all pages may look through: its number (0), its device "
    "(/dev/video0), its URL (rtsp://, http://), or picamera2 for the one at the ribbon cable of a "
    "Raspberry Pi.",
)
@click.option(
    "--watch",
    "folders",
    type=PATH,
    metavar="FOLDER",
    multiple=True,
    help="Folder of this machine whose new pictures a page may have put into a class. Can be given "
    "several times. Pages can name no other folder.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.")
def studio_command(
    folder: Path,
    host: str,
    port: int,
    https: bool,
    extractor: Path | None,
    resize: Resize | None,
    keep: Keep | None,
    device: str | None,
    camera: str | None,
    folders: tuple[Path, ...],
    browser: bool,
) -> None:
    """Teach a project by showing, in a browser.

    The page runs on this machine alone and sends nothing elsewhere. The project is created if it
    does not exist.
    """
    try:
        from ..studio.run import StudioOptions, run_studio
    except ImportError as error:
        raise ValueError(f"the studio needs {error.name}: {_INSTALL}") from error
    from ..project.class_watch import check_watched
    from ..project.project import Project
    from ..project.review import is_project
    from . import display

    for watched in folders:
        check_watched(watched, folder)
    if is_project(folder):
        project = Project(folder)
        _refuse_other_settings(project, named_extractor(extractor), resize, keep)
    else:
        _refuse_foreign_files(folder)
        project = Project.create(
            folder, named_extractor(extractor), resize=resize, keep=keep or "originals"
        )
        display.print_facts([f"created the project {folder}", *project.notes])
    options = StudioOptions(host, port, https, device, browser, camera, folders)
    run_studio(project, options, display.print_line)


def _refuse_other_settings(
    project: Project, extractor: Path | None, resize: Resize | None, keep: Keep | None
) -> None:
    """Refuses settings of a new project that an existing one does not have."""
    from ..project.new_extractor import prepare_extractor

    other = []
    if keep not in (None, project.index.keep):
        other.append("--keep")
    if extractor is not None or resize is not None:
        made = prepare_extractor(extractor or project.extractor, resize=resize).model
        if made.content != project.extractor.read_bytes():
            other.append("--resize" if extractor is None else "--extractor")
    if other:
        raise click.UsageError(
            f"{', '.join(other)}: {project.path} is a project already, with another one. Leave it "
            "out, or choose another folder."
        )


def _refuse_foreign_files(folder: Path) -> None:
    """Refuses a folder in which a new project would replace somebody's own files."""
    for name in ("extractor.tflite", "parts", "photos", "thumbnails", "tray"):
        if (folder / name).exists():
            raise ValueError(
                f"{folder} has a {name!r} and is no project. Choose a new folder for the project."
            )
