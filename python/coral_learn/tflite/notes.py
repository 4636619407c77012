"""Notes: arrays that this package stores inside a model for later use, as metadata entries.

Runtimes and other tools ignore metadata entries whose names they do not know.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import schema
from .metadata import add_metadata_entry, is_shared

THRESHOLD = "THRESHOLD"
OWN_CLASS = "OWN_CLASS_PROBABILITIES"
FAMILIARITY = tuple(
    f"FAMILIARITY_{part}"
    for part in ("CENTER", "SCALE", "DIRECTIONS", "MEANS", "WITHIN", "BACKGROUND", "QUANTILES")
)
ABOUT_ANSWERS = (THRESHOLD, OWN_CLASS, *FAMILIARITY)
"""The names of the notes that are true only of the answers that the model gives now."""

_PREFIX = "CORAL_LEARN_"


def read_note(model: schema.ModelT, name: str, dtype: DTypeLike, ndim: int) -> NDArray[Any] | None:
    """Returns the array that a model stores under a name, read-only.

    Args:
        model: A model from any source; its entry of this name may not be a note.
        name: The name of the note.
        dtype: The type of its elements.
        ndim: The number of its dimensions.

    Returns:
        The array; None if there is no array of this type.
    """
    for entry in model.metadata:
        data = model.buffers[entry.buffer].data
        if entry.name == (_PREFIX + name).encode() and data is not None:
            try:
                array = _load(bytes(data))
            except Exception:  # NumPy raises many types; without its note, the model still works
                return None
            return array if array.dtype == dtype and array.ndim == ndim else None
    return None


def write_note(model: schema.ModelT, name: str, array: NDArray[Any] | None) -> None:
    """Replaces the array that a model stores under a name; None removes it."""
    for entry in [entry for entry in model.metadata if entry.name == (_PREFIX + name).encode()]:
        if not is_shared(model, entry.buffer):
            model.buffers[entry.buffer].data = None
        model.metadata.remove(entry)
    if array is not None:
        file = io.BytesIO()
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        add_metadata_entry(model, _PREFIX + name, file.getvalue())


def _load(data: bytes) -> NDArray[Any]:
    """Reads an array in NumPy's .npy format.

    ``np.load`` would allocate whatever size the data claim to have.
    """
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("a note of a newer format")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if is_fortran:
        raise ValueError("a note that this package did not write")
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape)
