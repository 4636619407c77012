"""Cross-fitting: probabilities of rows by heads that were trained without them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ..arrays import ProbabilityMatrix
from ..embeddings import Embeddings
from .core import num_threads
from .folds import FoldRows

Score = Callable[[NDArray[np.int64], Embeddings], ProbabilityMatrix]
"""Trains a head on the given rows, and returns the probabilities of other embeddings."""


def score_folds(
    embeddings: Embeddings, folds: Sequence[FoldRows], score: Score
) -> list[ProbabilityMatrix]:
    """Returns the probabilities of the rows that each fold holds out.

    Several folds are scored at once, because one is too small to keep several threads busy.
    """
    with ThreadPoolExecutor(num_threads()) as executor:
        return list(executor.map(lambda fold: score(fold[0], embeddings[fold[1]]), folds))
