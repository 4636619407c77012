"""Exporting to Python: a model with a script that needs a runtime, Pillow and NumPy alone.

The script prepares a photo as :func:`~coral_learn.extraction.images.load_image` does.
"""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import numpy as np

from ...errors import ModelError
from ...tflite.output_kind import OutputKind
from ...tflite.resizing import VIEWS
from .contents import MODEL_NAME, Contents, label_lines
from .source import ExportSource

SCRIPT_NAME = "classify.py"
LABELS_NAME = "labels.txt"
TABLE_NAME = "pixel_values.npy"
_TEMPLATE = Path(__file__).with_name(f"{SCRIPT_NAME}.j2")


def python_contents(source: ExportSource, folder: Path) -> Contents:
    """Returns a model, its labels and a script that names the class of photos.

    Args:
        source: The classifier.
        folder: The folder, which is not used.

    Raises:
        ModelError: The scores are no probabilities of classes, or the range of a float input is not
            known.
    """
    if source.kind is not OutputKind.PROBABILITIES:
        raise ModelError(
            f"{source.name} gives every label a probability of its own, but the script names one "
            "class: use coral_learn.Classifier, or train with one folder for each class"
        )
    source.check_range_is_known("the script")
    files = {MODEL_NAME: source.model.content, LABELS_NAME: label_lines(source.labels)}
    table = _table(source)
    if table is not None:
        files[TABLE_NAME] = table
    files[SCRIPT_NAME] = _script(source, has_table=table is not None).encode()
    return Contents(files, [], f"python {shlex.quote(str(folder / SCRIPT_NAME))} PHOTO.jpg")


def _script(source: ExportSource, *, has_table: bool) -> str:
    import jinja2  # which no other export needs

    template = jinja2.Template(
        _TEMPLATE.read_text("utf-8"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    text: str = template.render(
        view=VIEWS[source.resize][0],
        label_file=LABELS_NAME,
        mode=source.input_format.mode,
        model_file=MODEL_NAME,
        size=source.input_format.size,
        steps=_steps(source, has_table=has_table),
        threshold=source.threshold,
        table_file=TABLE_NAME if has_table else "",
    )
    return text


def _steps(source: ExportSource, *, has_table: bool) -> list[str]:
    """Returns the steps from the pixels of a photo to the model's input, as expressions."""
    steps = []
    if source.input_format.mode == "L":
        steps.append("pixels[:, :, None]")
    if has_table:
        is_per_channel = source.input_format.table.ndim == 2
        steps.append("TABLE[pixels, np.arange(3)]" if is_per_channel else "TABLE[pixels]")
    if source.input_format.channels_first:
        steps.append("np.ascontiguousarray(pixels.transpose(2, 0, 1))")
    return steps


def _table(source: ExportSource) -> bytes | None:
    """Returns the stored value of each pixel value as an .npy file; None for the pixels' bytes."""
    table = source.input_format.table
    if table.dtype == np.uint8 and np.array_equal(table, np.arange(256)):
        return None
    file = io.BytesIO()
    np.save(file, table, allow_pickle=False)
    return file.getvalue()
