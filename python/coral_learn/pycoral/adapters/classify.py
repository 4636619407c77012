"""Functions that work with a classifier, or with any model that has one output."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...edgetpu.runtime import Interpreter


class Class(NamedTuple):
    """A class and its score, from one run of a classifier."""

    id: int
    """The class index."""

    score: Any
    """The model's score for the class, of the type that the scores have; a probability if the model
    ends in a softmax."""


def num_classes(interpreter: Interpreter) -> int:
    """Returns the number of classes, which is the number of elements of the model's output."""
    return int(np.prod(interpreter.get_output_details()[0]["shape"]))


def get_scores(interpreter: Interpreter) -> NDArray[np.floating]:
    """Returns a copy of the model's output, dequantized, with shape [C]."""
    details = interpreter.get_output_details()[0]
    output = interpreter.get_tensor(details["index"]).ravel()
    if np.issubdtype(output.dtype, np.integer):
        scale, zero_point = details["quantization"]
        output = scale * (output.astype(np.int64) - zero_point)
    return output


def get_classes_from_scores(
    scores: ArrayLike, top_k: float = math.inf, score_threshold: float = -math.inf
) -> list[Class]:
    """Returns the classes with the highest scores, in descending order of their scores.

    Classes with equal scores are in ascending order of their indices.

    Args:
        scores: The score of each class, with shape [C], of any type: those that an integer model
            gives need not be dequantized.
        top_k: The maximum number of classes to return. As in pycoral, 0 stands for all of them, and
            a negative number for all but so many.
        score_threshold: The minimum score of a class that is returned.
    """
    scores = np.asarray(scores)
    # Negative scores would be easier to sort, but unsigned numbers have none.
    ascending = len(scores) - 1 - np.argsort(scores[::-1], kind="stable")
    best = ascending[::-1][: int(min(top_k, len(scores))) or None]
    return [Class(int(index), scores[index]) for index in best if scores[index] >= score_threshold]


def get_classes(
    interpreter: Interpreter, top_k: float = math.inf, score_threshold: float = -math.inf
) -> list[Class]:
    """Returns the classes with the highest scores; see :func:`get_classes_from_scores`."""
    return get_classes_from_scores(get_scores(interpreter), top_k, score_threshold)
