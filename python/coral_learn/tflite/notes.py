"""Notes: arrays that this package keeps inside a model for itself, as entries of its metadata.

Runtimes and other tools pass over metadata whose name they do not know.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import add_metadata
from .schema import ModelT

_PREFIX = "CORAL_LEARN_"


def read_note(model: ModelT, name: str) -> NDArray[Any] | None:
    """Returns the array that a model keeps under a name; None if there is none to be read."""
    for entry in model.metadata:
        data = model.buffers[entry.buffer].data
        if entry.name == (_PREFIX + name).encode() and data is not None:
            try:
                array: NDArray[Any] = np.load(io.BytesIO(bytes(data)), allow_pickle=False)
                return array
            except Exception:  # NumPy raises many types; the model is as good without its note
                return None
    return None


def write_note(model: ModelT, name: str, array: NDArray[Any] | None) -> None:
    """Replaces what a model keeps under a name; None leaves nothing there."""
    for entry in [entry for entry in model.metadata if entry.name == (_PREFIX + name).encode()]:
        model.buffers[entry.buffer].data = None
        model.metadata.remove(entry)
    if array is not None:
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        add_metadata(model, _PREFIX + name, file.getvalue())
