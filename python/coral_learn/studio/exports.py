"""What can be taken away from the studio."""

import io
import shlex
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ..errors import ModelError
from ..jobs.export.targets import Target
from ..jobs.export.write import prepare_export
from ..jobs.review.page import render_page
from ..jobs.review.run import review_photos
from ..labels import format_labels
from ..project.project import Project
from ..project.review import photos_of_project
from ..tflite.file import ModelFile
from .session import Session


@dataclass(frozen=True)
class Export:
    """Something to download.

    Attributes:
        id: Its name in the address.
        file: The name of the file.
        make: Returns the content of the file.
        command: The command that writes the same.
        check: Raises an error if the file cannot be made.
    """

    id: str
    file: str
    make: Callable[[], bytes]
    command: str
    check: Callable[[], object]

    def to_json(self) -> dict[str, Any]:
        """Returns what a page shows of it."""
        why_not = None
        try:
            self.check()
        except (ModelError, ValueError) as error:
            why_not = str(error)
        return {
            "id": self.id,
            "file": self.file,
            "available": why_not is None,
            "why_not": why_not,
            "command": self.command,
        }


def exports_of(session: Session) -> list[Export]:
    """Returns everything that can be downloaded from a session."""
    project, ready = session.project, session.models.ready

    def model() -> bytes:
        return session.models.whole().content

    folder = shlex.quote(str(project.path))
    name = project.path.resolve().name
    own = f"coral-learn project export {folder} --output model"
    return [
        Export("model", f"{name}.tflite", model, own, ready),
        Export("labels", f"{name}-labels.txt", lambda: _labels(project), own, ready),
        *(_folder_export(session, target, own) for target in get_args(Target)),
        Export(
            "report",
            f"{name}-review.html",
            lambda: _report(project),
            f"coral-learn review {folder} --output {shlex.quote(name)}-review",
            ready,
        ),
    ]


def _labels(project: Project) -> bytes:
    return format_labels(project.classes).encode()


def _folder_export(session: Session, target: Target, own: str) -> Export:
    name = session.project.path.resolve().name
    command = (
        f"{own} && coral-learn export model/retrained_model.tflite --for {target} --output "
        f"{shlex.quote(name)}-{target}"
    )

    def make() -> bytes:
        return _zipped(session.models.whole(), target, name)

    def check() -> None:  # the layers show it, and what is known of photos is not waited for
        prepare_export(session.models.ready(), target, Path(name))

    return Export(target, f"{name}-{target}.zip", make, command, check)


def _report(project: Project) -> bytes:
    photos = photos_of_project(project.path)
    return render_page(review_photos(project.path.resolve().name, photos, count=0))


def _zipped(model: ModelFile, target: Target, name: str) -> bytes:
    export = prepare_export(model, target, Path(name))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in export.files.items():
            archive.writestr(path.as_posix(), data)
    return content.getvalue()
