"""The compiled core, and how many threads it may use."""

import os

import numpy as np

from ..arrays import BiasVector, WeightMatrix
from ..embeddings import Embeddings
from ..machine import usable_cpus

try:
    from .._core import (
        Head,
        HeadFit,
        RowSums,
        SgdOptions,
        StoredEmbeddings,
        Variation,
        accuracy,
        build_info,
        moments,
        predict,
        predict_proba,
        row_losses,
        sketch,
        train_with_sgd,
    )
except ModuleNotFoundError as error:
    raise ImportError(
        "coral_learn._core is missing: did you forget to build? Run `pip install .` in the folder "
        "that holds the pyproject.toml of coral-learn",
        name="coral_learn._core",
    ) from error

__all__ = [
    "Head",
    "HeadFit",
    "RowSums",
    "SgdOptions",
    "StoredEmbeddings",
    "Variation",
    "accuracy",
    "arrays_of",
    "build_info",
    "moments",
    "num_threads",
    "predict",
    "predict_proba",
    "row_losses",
    "sketch",
    "stored",
    "train_with_sgd",
]

_MAX_DEFAULT_THREADS = 8


def num_threads() -> int:
    """Returns how many threads the core may use. The results do not depend on it.

    The number is the value of the environment variable ``CORAL_LEARN_NUM_THREADS`` or, if it is not
    set, the number of processors that this process may use, but at most 8.

    Raises:
        ValueError: The variable is not a positive whole number.
    """
    value = os.environ.get("CORAL_LEARN_NUM_THREADS")
    if not value:
        return min(usable_cpus(), _MAX_DEFAULT_THREADS)
    if not value.isdecimal() or int(value) == 0:
        raise ValueError(f"CORAL_LEARN_NUM_THREADS must be a positive whole number, not {value}")
    return int(value)


def arrays_of(head: Head, shape: tuple[int, int]) -> tuple[WeightMatrix, BiasVector]:
    """Returns copies of the weights, [C, D], and biases, [C], of a head of the shape C, D."""
    weights, biases = np.empty(shape, np.float32), np.empty(shape[0], np.float32)
    head.copy_to(weights, biases)
    return weights, biases


def stored(embeddings: Embeddings) -> StoredEmbeddings:
    """Returns the core's view of embeddings that ``inputs.as_embeddings`` returned."""
    return StoredEmbeddings(embeddings.quantized, embeddings.scale, embeddings.zero_point)
