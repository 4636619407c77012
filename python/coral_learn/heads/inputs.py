"""What callers pass to a head, checked and in the form that the core reads."""

import math
import operator
import os
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import StoredEmbeddings
from ..embeddings import Embeddings

EmbeddingsLike = Embeddings | ArrayLike
"""Embeddings, or an array [N, D] of numbers."""

_MAX_DEFAULT_THREADS = 8
_LARGEST = float(np.finfo(np.float32).max)
_IN_PLACE = (np.dtype(np.float32), np.dtype(np.uint8), np.dtype(np.int8))


def as_embeddings(value: EmbeddingsLike, feature_dim: int, name: str = "embeddings") -> Embeddings:
    """Returns ``value`` as C-contiguous Embeddings, without a copy where that can be.

    Plain uint8 and int8 arrays are whole numbers, with scale 1 and zero point 0. Other types are
    converted to float32. The core refuses numbers that are not finite when it comes to them.

    Args:
        value: Embeddings or an array [N, D].
        feature_dim: D.
        name: What to call the value in errors.

    Raises:
        ValueError: Not a matrix of D columns, or not numbers.
    """
    if isinstance(value, Embeddings):
        _check_features(value.quantized, feature_dim, name)
        return Embeddings(
            np.require(value.quantized, requirements=["C", "A"]), value.scale, value.zero_point
        )
    return Embeddings(_as_stored_matrix(value, feature_dim, name))


def stored(embeddings: Embeddings) -> StoredEmbeddings:
    """Returns the core's view of embeddings that :func:`as_embeddings` gave."""
    return StoredEmbeddings(embeddings.quantized, embeddings.scale, embeddings.zero_point)


def num_threads() -> int:
    """Returns how many threads the core may use; the results do not depend on it.

    It is the number of processors that this process may run on, 8 at most, or what the environment
    variable ``CORAL_LEARN_NUM_THREADS`` says.

    Raises:
        ValueError: The variable is set to something else than a positive whole number.
    """
    value = os.environ.get("CORAL_LEARN_NUM_THREADS")
    if not value:
        return min(_available_processors(), _MAX_DEFAULT_THREADS)
    if not value.isdecimal() or int(value) == 0:
        raise ValueError(f"CORAL_LEARN_NUM_THREADS must be a positive whole number, not {value}")
    return int(value)


def as_labels(value: ArrayLike, rows: int, num_classes: int, name: str) -> NDArray[np.int32]:
    """Returns a copy of ``value`` as int32 labels, which no other thread can change.

    Args:
        value: Integers [rows] in [0, num_classes).
        rows: How many labels there must be.
        num_classes: C.
        name: What to call the value in errors.

    Raises:
        ValueError: Not integers, not one a row, or outside the range.
    """
    labels = as_array(value, name)
    if labels.shape != (rows,):
        raise ValueError(
            f"{name} must hold one label for each of the {rows} embeddings, "
            f"not have shape {list(labels.shape)}"
        )
    labels = labels.copy()  # before they are checked
    if labels.dtype == object and all(isinstance(x, int | np.integer) for x in labels):
        labels = _as_integers(labels, name)
    if labels.size == 0:
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers, not {labels.dtype}")
    wrong = (labels < 0) | (labels >= num_classes)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{name} must be in [0, {num_classes}), not {labels[row]} (row {row})")
    return labels.astype(np.int32)


def as_array(value: ArrayLike, name: str) -> NDArray[Any]:
    """Returns ``value`` as an array, itself where it is one.

    Raises:
        ValueError: A masked array, or rows of different lengths.
    """
    if isinstance(value, np.ma.MaskedArray):  # whose masked numbers would be taken for good ones
        raise ValueError(f"{name} must not be a masked array: fill it, or leave masked rows out")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array: {error}") from error


def as_float_array(value: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """Returns finite float32 numbers of a shape.

    Raises:
        ValueError: Another shape, not numbers, or not finite in float32.
    """
    numbers = _as_float32(as_array(value, name), name)
    if numbers.shape != shape:
        raise ValueError(f"{name} must have shape {list(shape)}, not {list(numbers.shape)}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be finite float32 numbers")
    return numbers


def as_whole_number(value: Any, name: str, minimum: int, bits: int = 63) -> int:
    """Returns an int in [minimum, 2^bits); NumPy's integers will do.

    Raises:
        ValueError: Not an integer, or out of the range.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, not {value!r}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, not {number}")
    if number >= 2**bits:
        raise ValueError(f"{name} must be less than 2^{bits}, not {number}")
    return number


def as_non_negative(value: Any, name: str) -> float:
    """Returns a finite float of at least 0, which float32 can hold.

    Raises:
        ValueError: Anything else.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, not {value!r}") from None
    except OverflowError:  # an int of hundreds of digits
        number = math.inf
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be finite and at least 0, not {number}")
    if number > _LARGEST:
        raise ValueError(f"{name} must be at most {_LARGEST:.2g}, not {number}")
    return number


def as_positive(value: Any, name: str) -> float:
    """Returns a finite float above 0.

    Raises:
        ValueError: Anything else.
    """
    number = as_non_negative(value, name)
    if number == 0:
        raise ValueError(f"{name} must be more than 0")
    return number


def _check_features(matrix: NDArray[Any], feature_dim: int, name: str) -> None:
    if matrix.shape[1] != feature_dim:
        raise ValueError(f"{name} must have {feature_dim} features a row, not {matrix.shape[1]}")


def _as_stored_matrix(value: ArrayLike, feature_dim: int, name: str) -> NDArray[Any]:
    matrix = as_array(value, name)
    if matrix.ndim != 2:
        raise ValueError(
            f"{name} must be a matrix with an embedding a row, not of shape {list(matrix.shape)}"
        )
    _check_features(matrix, feature_dim, name)  # before a copy, which may be large
    if matrix.dtype not in _IN_PLACE:
        matrix = _as_float32(matrix, name)
    return np.require(matrix, requirements=["C", "A"])


def _as_float32(numbers: NDArray[Any], name: str) -> NDArray[np.float32]:
    if numbers.dtype.kind not in "biufO":
        raise ValueError(f"{name} must be numbers, not {numbers.dtype}")
    try:
        with np.errstate(over="ignore"):  # becomes infinite, and is refused as such
            return numbers.astype(np.float32, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be numbers: {error}") from error


def _as_integers(labels: NDArray[Any], name: str) -> NDArray[np.int64]:
    try:
        return cast(NDArray[np.int64], labels.astype(np.int64))
    except OverflowError as error:
        raise ValueError(f"{name} must be 64-bit integers: {error}") from error


def _available_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
