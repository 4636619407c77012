"""Which extractor a classifier was made from, as a note inside the model."""

from __future__ import annotations

import hashlib

import numpy as np

from .file import ModelFile
from .notes import read_note, write_note

_NAME = "EXTRACTOR_SHA256"


def extractor_digest(extractor: ModelFile) -> str:
    """Returns the SHA-256 of an extractor's file, in hexadecimal digits."""
    return hashlib.sha256(extractor.content).hexdigest()


def read_extractor_digest(classifier: ModelFile) -> str | None:
    """Returns the SHA-256 of the extractor that a classifier was made from, or None.

    Raises:
        ModelError: The file is not a .tflite model.
    """
    note = read_note(classifier.tree, _NAME, np.uint8, 1)
    return None if note is None else note.tobytes().hex()


def with_extractor_digest(classifier: ModelFile, digest: str) -> ModelFile:
    """Returns a classifier with a note of the extractor that it was made from."""
    graph = classifier.graph.copy()
    write_note(graph.model, _NAME, np.frombuffer(bytes.fromhex(digest), np.uint8))
    return classifier.with_graph(graph)
