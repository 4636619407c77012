"""What held-out photos say about a model's answers, as notes inside the model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .familiarity_note import FamiliarityNote, read_familiarity_note, write_familiarity_note
from .file import ModelFile
from .graph import Graph
from .notes import ABOUT_ANSWERS, OWN_CLASS, THRESHOLD, read_note, write_note


class AnswerNotes(NamedTuple):
    """What a model says about its answers.

    Attributes:
        threshold: The lowest probability of an answer to give, in [0, 1]; None for any.
        own_class: The probabilities of the right class of photos that were held out, ascending,
            float16 [K]; None if they are not known.
        familiarity: What the model knows of its training photos; None if it knows nothing.
    """

    threshold: float | None = None
    own_class: NDArray[np.float16] | None = None
    familiarity: FamiliarityNote | None = None


def read_answer_notes(model: ModelFile) -> AnswerNotes:
    """Returns what a model says about its answers.

    Raises:
        ModelError: The file is not a .tflite model.
    """
    if not any(name.encode() in model.content for name in ABOUT_ANSWERS):
        return AnswerNotes()  # without the schema
    threshold = read_note(model.tree, THRESHOLD, np.float32, 1)
    own_class = read_note(model.tree, OWN_CLASS, np.float16, 1)
    if threshold is not None and not (threshold.shape == (1,) and 0 <= threshold[0] <= 1):
        threshold = None
    if own_class is not None and not _are_ascending_probabilities(own_class):
        own_class = None
    lowest = None if threshold is None else float(threshold[0])
    return AnswerNotes(lowest, own_class, read_familiarity_note(model.tree))


def with_answer_notes(model: ModelFile, notes: AnswerNotes) -> ModelFile:
    """Returns a model that says this about its answers."""
    graph = model.graph.copy()
    threshold = notes.threshold
    found = None if threshold is None else np.array([threshold], np.float32)
    write_note(graph.model, THRESHOLD, found)
    write_note(graph.model, OWN_CLASS, notes.own_class)
    write_familiarity_note(graph.model, _usable(notes.familiarity, graph))
    return model.with_graph(graph)


def without_familiarity(model: ModelFile) -> ModelFile:
    """Returns a model without what it knows of its training photos, for where memory is scarce."""
    notes = read_answer_notes(model)
    if notes.familiarity is None:
        return model
    return with_answer_notes(model, notes._replace(familiarity=None))


def _usable(note: FamiliarityNote | None, graph: Graph) -> FamiliarityNote | None:
    """Returns a note if the model can be run for the embedding that it is about."""
    from .second_output import head_embedding  # only where a model is saved

    embedding = head_embedding(graph)
    is_usable = (
        note is not None
        and embedding is not None
        and embedding.shape[-1] == len(note.moments.center)
    )
    return note if is_usable else None


def _are_ascending_probabilities(values: NDArray[np.float16]) -> bool:
    return bool(len(values) and values[0] >= 0 and (np.diff(values) >= 0).all() and values[-1] <= 1)
