"""The normalization that a user gave for a quantized input, as a note inside the model."""

from __future__ import annotations

import numpy as np

from . import schema
from .normalization import Normalization
from .notes import read_note, write_note

GIVEN = "INPUT_NORMALIZATION"
"""The name of the note."""


def read_given(model: schema.ModelT) -> Normalization | None:
    """Returns the normalization that was given; None if none was, or it is invalid."""
    given = read_note(model, GIVEN, np.float64, 2)
    if given is None or given.shape not in ((2, 1), (2, 3)):
        return None
    mean, std = given
    if not np.isfinite(given).all() or not std.all():
        return None
    return Normalization(tuple(mean.tolist()), tuple(std.tolist()))


def write_given(model: schema.ModelT, normalization: Normalization) -> None:
    """Stores a normalization in a model, in place of any other."""
    write_note(model, GIVEN, np.array([*normalization], np.float64))
