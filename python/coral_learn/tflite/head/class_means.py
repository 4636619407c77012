"""The mean embedding of each class, stored in a classifier.

With the means, a class can be added later without the photos of the old classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import schema
from ..file import ModelFile, ModelSource
from ..notes import read_note, write_note

_NOTE = "CLASS_MEANS"


def attach_class_means(classifier: ModelSource, means: ArrayLike) -> ModelFile:
    """Returns the classifier with the mean embedding of each class stored in it.

    Args:
        classifier: A ``.tflite`` file or its bytes.
        means: The means, real numbers [C, D]; stored as float16.

    Raises:
        ModelError: ``classifier`` is not a .tflite model, or is damaged.
    """
    model = ModelFile.open(classifier)
    graph = model.graph.copy()
    note_class_means(graph.model, means)
    return ModelFile.of_graph(graph, model.labels)


def note_class_means(model: schema.ModelT, means: ArrayLike) -> None:
    """Stores the mean embedding of each class, real numbers [C, D], in a tree."""
    write_note(model, _NOTE, np.asarray(means, np.float16))


def read_class_means(classifier: ModelSource) -> NDArray[np.float32] | None:
    """Returns the mean embedding of each class, float32 [C, D]; None if they are not stored.

    Raises:
        ModelError: ``classifier`` is not a .tflite model, or is damaged.
    """
    means = read_note(ModelFile.open(classifier).tree, _NOTE, np.float16, 2)
    return None if means is None or not np.isfinite(means).all() else means.astype(np.float32)
