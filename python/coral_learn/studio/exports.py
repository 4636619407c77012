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
from ..labels import format_labels
from ..project.project import Project


@dataclass(frozen=True)
class Export:
    """Something to download.

    Attributes:
        id: Its name in the address.
        file: The name of the file.
        make: Returns the content of the file.
        command: The command that writes the same.
    """

    id: str
    file: str
    make: Callable[[], bytes]
    command: str

    def to_json(self) -> dict[str, Any]:
        """Returns what a page shows of it; making it shows whether that is possible."""
        why_not = None
        try:
            self.make()
        except (ModelError, ValueError) as error:
            why_not = str(error)
        return {
            "id": self.id,
            "file": self.file,
            "available": why_not is None,
            "why_not": why_not,
            "command": self.command,
        }


def exports_of(project: Project) -> list[Export]:
    """Returns everything that can be downloaded from a project."""
    folder = shlex.quote(str(project.path))
    name = project.path.resolve().name
    own = f"coral-learn project export {folder} --output model"
    return [
        Export("model", f"{name}.tflite", project.serialize_model, own),
        Export("labels", f"{name}-labels.txt", lambda: _labels(project), own),
        *(_folder_export(project, target, own) for target in get_args(Target)),
    ]


def _labels(project: Project) -> bytes:
    return format_labels(project.classes).encode()


def _folder_export(project: Project, target: Target, own: str) -> Export:
    name = project.path.resolve().name
    command = (
        f"{own} && coral-learn export model/retrained_model.tflite --for {target} --output "
        f"{shlex.quote(name)}-{target}"
    )
    return Export(target, f"{name}-{target}.zip", lambda: _zipped(project, target, name), command)


def _zipped(project: Project, target: Target, name: str) -> bytes:
    export = prepare_export(project.serialize_model(), target, Path(name))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in export.files.items():
            archive.writestr(path.as_posix(), data)
    return content.getvalue()
