"""What a classifier remembers of the photos it was trained on: the mean embedding of each class.

A class can then be added later, next to the old ones, without their photos.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..file import ModelSource, read_model_content
from ..metadata import labels_of, pack_with_labels
from ..model import unpack
from ..notes import read_note, write_note
from ..schema import ModelT

_NOTE = "CLASS_MEANS"


def attach_class_means(classifier: ModelSource, means: ArrayLike) -> bytes:
    """Returns the classifier with the mean embedding of each class noted in it.

    Args:
        classifier: A ``.tflite`` file or its bytes.
        means: Real numbers [C, D]; kept as float16.

    Raises:
        ModelError: ``classifier`` is not a .tflite model, or a broken one.
    """
    content = read_model_content(classifier)
    model = unpack(content)
    labels = labels_of(model, content)
    note_class_means(model, means)
    return pack_with_labels(model, labels)


def note_class_means(model: ModelT, means: ArrayLike) -> None:
    """Notes the mean embedding of each class, real numbers [C, D], in a model."""
    write_note(model, _NOTE, np.asarray(means, np.float16))


def read_class_means(classifier: ModelSource) -> NDArray[np.float32] | None:
    """Returns the mean embedding of each class, float32 [C, D]; None where they are not noted.

    Raises:
        ModelError: ``classifier`` is not a .tflite model, or a broken one.
    """
    means = read_note(unpack(read_model_content(classifier)), _NOTE, np.float16, 2)
    return None if means is None or not np.isfinite(means).all() else means.astype(np.float32)
