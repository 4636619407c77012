"""Exporting a classifier to a folder of files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ...files import write_together
from ...notebook import table
from ...tflite.file import ModelSource
from ...tflite.normalization import NormalizationLike
from ...words import counted
from ..classification import LabelSource
from ..outputs import refuse_own_input
from .c_array import c_array_contents
from .contents import Contents
from .frigate import frigate_contents
from .mediapipe import mediapipe_contents
from .python_script import python_contents
from .source import ExportSource, open_source
from .targets import Target

_CONTENTS: dict[Target, Callable[[ExportSource, Path], Contents]] = {
    "frigate": frigate_contents,
    "mediapipe": mediapipe_contents,
    "python": python_contents,
    "c-array": c_array_contents,
}


@dataclass(frozen=True)
class ExportResult:
    """What :func:`export_model` wrote.

    Attributes:
        target: What the model was exported for.
        output: The folder.
        files: The files in it, the model first.
        classes: The names of the classes.
        notes: What the user should know, such as a different way to resize photos.
        next_step: What to do with the files.

    Examples:
        >>> from coral_learn import export_model
        >>> result = export_model("retrained/retrained_model.tflite", "python", "exported")
        >>> [path.name for path in result.files]
        ['model.tflite', 'labels.txt', 'classify.py']
        >>> result.to_json()["for"]
        'python'
    """

    target: Target
    output: Path
    files: list[Path]
    classes: list[str]
    notes: list[str]
    next_step: str

    def __repr__(self) -> str:
        files, classes = len(self.files), len(self.classes)
        return (
            f"ExportResult({self.target!r} to {str(self.output)!r}: {counted(files, 'file')}, "
            f"{counted(classes, 'class', 'classes')})"
        )

    def _repr_html_(self) -> str:
        rows = [(path.name, str(path)) for path in self.files]
        return table(repr(self), rows, text=" ".join([*self.notes, self.next_step]))

    def to_json(self) -> dict[str, Any]:
        """Returns the result as ``coral-learn export --json`` prints it."""
        return {
            "for": self.target,
            "output": str(self.output),
            "files": [str(path) for path in self.files],
            "classes": self.classes,
            "notes": self.notes,
        }


@dataclass(frozen=True)
class PreparedExport:
    """An export that is not written yet.

    Attributes:
        result: What will have been written.
        files: The content of each file.
    """

    result: ExportResult
    files: dict[Path, bytes]

    def write(self) -> ExportResult:
        """Writes all files or none.

        Raises:
            OSError: The folder cannot be written; no file in it has changed then.
        """
        self.result.output.mkdir(parents=True, exist_ok=True)
        write_together({os.fspath(path): content for path, content in self.files.items()})
        return self.result


def export_model(
    model: ModelSource,
    target: Target,
    output: str | os.PathLike[str],
    *,
    labels: LabelSource | None = None,
    normalization: NormalizationLike | None = None,
) -> ExportResult:
    """Exports a classifier to a folder, in the form that a consumer needs.

    Files in the folder that have the same names are overwritten.

    Args:
        model: The path of a ``.tflite`` classifier for the CPU, or its bytes.
        target: ``frigate`` for Frigate's custom classification, ``mediapipe`` for MediaPipe Tasks,
            ``python`` for a script that needs ai-edge-litert, Pillow and NumPy alone, or
            ``c-array`` for TensorFlow Lite Micro.
        output: The folder, which is created if it does not exist. For Frigate, its name becomes
            the name of the model.
        labels: The names of the classes; by default the labels inside the model.
        normalization: How pixels are normalized, as for :class:`coral_learn.EmbeddingExtractor`;
            needed only for a float model that does not say it.

    Returns:
        The files that were written, and what to do with them.

    Raises:
        ModelError: The model cannot be read, is no classifier for the CPU, has no labels, or does
            not fit the target; the message says what does.
        ValueError: There is no such target, or the number of labels is wrong.
        OSError: The label file cannot be read, or the folder cannot be written.

    Examples:
        >>> from coral_learn import export_model
        >>> export_model("retrained/retrained_model.tflite", "mediapipe", "phone")
        ExportResult('mediapipe' to 'phone': 1 file, 3 classes)
    """
    return prepare_export(model, target, output, labels=labels, normalization=normalization).write()


def prepare_export(
    model: ModelSource,
    target: Target,
    output: str | os.PathLike[str],
    *,
    labels: LabelSource | None = None,
    normalization: NormalizationLike | None = None,
) -> PreparedExport:
    """Makes the files of an export without writing them.

    The arguments and errors are those of :func:`export_model`.
    """
    if target not in get_args(Target):
        raise ValueError(f"target must be one of {', '.join(get_args(Target))}, not {target!r}")
    folder = Path(output)
    source = open_source(model, labels, normalization)
    contents = _CONTENTS[target](source, folder)
    files = {folder / name: content for name, content in contents.files.items()}
    if source.model.is_named:
        for path in files:
            refuse_own_input(path, Path(source.name))
    result = ExportResult(
        target, folder, list(files), source.labels, contents.notes, contents.next_step
    )
    return PreparedExport(result, files)
