"""The classes with the highest scores, chosen as the old library chose them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_top_k(top_k: int) -> None:
    """Checks the number of results that a script asks for.

    Raises:
        ValueError: It is less than 1.
    """
    if top_k <= 0:
        raise ValueError("top_k must be positive!")


def is_above(score: np.floating[Any], threshold: float) -> bool:
    """Tells whether a float32 score is above a threshold, in float64 as with NumPy 1.

    NumPy 2 would round the threshold to float32.
    """
    return float(score) > threshold


def best_classes(
    scores: NDArray[np.float32], threshold: float, top_k: int
) -> list[tuple[np.intp, np.float32]]:
    """Returns the classes with the highest scores, and their scores, in descending order.

    Args:
        scores: The score of each class.
        threshold: The score that a class must be above.
        top_k: The maximum number of classes.
    """
    top_k = min(top_k, len(scores))
    best = np.argpartition(scores, -top_k)[-top_k:]
    found = [(index, scores[index]) for index in best if is_above(scores[index], threshold)]
    return sorted(found, key=lambda result: -result[1])
