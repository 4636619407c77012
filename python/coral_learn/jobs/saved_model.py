"""The files of a retrained model: the model itself and its label map."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..files import write_together
from ..labels import format_labels
from ..tflite.file import ModelFile

LABEL_MAP_NAME = "label_map.txt"
MODEL_NAMES = ("retrained_model.tflite", "retrained_model_edgetpu.tflite")
"""The names of a retrained model: for the CPU, and compiled for the Edge TPU."""


class SavedModel(NamedTuple):
    """The paths of a retrained model.

    Attributes:
        model: The ``.tflite`` file.
        labels: The label map.
    """

    model: Path
    labels: Path


def save_model(
    folder: Path,
    model: ModelFile,
    labels: Sequence[str],
    others: Mapping[str, bytes] | None = None,
) -> SavedModel:
    """Writes a retrained model, its label map and other files, all of them or none.

    The model is named ``retrained_model.tflite``, or ``retrained_model_edgetpu.tflite`` if it is
    compiled for the Edge TPU, and the label map is named ``label_map.txt``.

    Args:
        folder: The folder for the files, which exists.
        model: The model.
        labels: The names of its classes.
        others: The content of other files to write, by name.

    Raises:
        OSError: The files cannot be written; the folder is then unchanged.
    """
    saved = SavedModel(folder / MODEL_NAMES[model.is_compiled], folder / LABEL_MAP_NAME)
    files: dict[str | os.PathLike[str], bytes] = {
        saved.model: model.content,
        saved.labels: format_labels(labels).encode(),
    }
    files |= {folder / name: content for name, content in (others or {}).items()}
    write_together(files)
    return saved
