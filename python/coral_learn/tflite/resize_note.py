"""How a model's photos are resized, as a note inside the model."""

from __future__ import annotations

from typing import cast, get_args

import numpy as np

from ..errors import ModelError
from .file import ModelFile
from .notes import read_note, write_note
from .resizing import VIEWS, Resize, View

_NAME = "PHOTO_RESIZE"
_DEFAULT: Resize = "squash"  # as in Coral's tutorial


def read_resize(model: ModelFile) -> Resize:
    """Returns how the photos of a model are resized: squash, unless the model says otherwise.

    Raises:
        ModelError: The file is not a .tflite model, or it names a way that is not known.
    """
    found = _noted(model)
    if found not in get_args(Resize):
        raise ModelError(
            f"the photos of {model.name} are resized by {found!r}, which this version of "
            "coral-learn does not know: install a newer one, or choose one of "
            f"{', '.join(get_args(View))} with --resize or resize="
        )
    return cast("Resize", found)


def read_view(model: ModelFile) -> View:
    """Returns what a model sees of a photo.

    The errors are those of :func:`read_resize`.
    """
    return VIEWS[read_resize(model)][0]


def with_resize(model: ModelFile, resize: Resize) -> ModelFile:
    """Returns the model with a note that says how its photos are resized.

    A model that is resized in this way already is returned as it is.

    Raises:
        ModelError: The file is not a .tflite model, or has several subgraphs.
    """
    if _noted(model) == resize:
        return model
    graph = model.graph.copy()
    write_note(graph.model, _NAME, np.frombuffer(resize.encode(), np.uint8))
    made = model.with_graph(graph)
    made.is_compiled = model.is_compiled  # which is otherwise read from the packed file
    made.has_float_input = model.has_float_input
    return made


def _noted(model: ModelFile) -> str:
    """Returns the way that a model names, known or not; the default if it names none."""
    if _NAME.encode() not in model.content:  # answers without the schema
        return _DEFAULT
    note = read_note(model.tree, _NAME, np.uint8, 1)
    return _DEFAULT if note is None else note.tobytes().decode("utf-8", "replace")
