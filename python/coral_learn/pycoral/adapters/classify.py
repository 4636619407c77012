"""Functions to work with a classifier, or with any model of one output."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...edgetpu.runtime import Interpreter


class Class(NamedTuple):
    """One answer of a classifier."""

    id: int
    """The class index."""

    score: float
    """The model's score for it."""


def num_classes(interpreter: Interpreter) -> int:
    """Returns the number of classes, or of whatever the model's output holds."""
    return int(np.prod(interpreter.get_output_details()[0]["shape"]))


def get_scores(interpreter: Interpreter) -> NDArray[np.floating]:
    """Returns a copy of the model's output, flat and dequantized."""
    details = interpreter.get_output_details()[0]
    output: NDArray[np.floating] = interpreter.get_tensor(details["index"]).ravel()
    if np.issubdtype(output.dtype, np.integer):
        scale, zero_point = details["quantization"]
        output = scale * (output.astype(np.int64) - zero_point)
    return output


def get_classes_from_scores(
    scores: ArrayLike, top_k: float = math.inf, score_threshold: float = -math.inf
) -> list[Class]:
    """Returns the best classes, best first; of equal ones the lower index first.

    Args:
        scores: The score of each class, [C].
        top_k: How many classes to return at most.
        score_threshold: The least score of a class that is returned.
    """
    scores = np.asarray(scores)
    best = np.argsort(-scores, kind="stable")[: int(min(top_k, len(scores)))]
    return [
        Class(int(index), float(scores[index]))
        for index in best
        if scores[index] >= score_threshold
    ]


def get_classes(
    interpreter: Interpreter, top_k: float = math.inf, score_threshold: float = -math.inf
) -> list[Class]:
    """Returns the best classes of the model's output; see :func:`get_classes_from_scores`."""
    return get_classes_from_scores(get_scores(interpreter), top_k, score_threshold)
