"""Checks of arguments: what callers pass to a head, in the form that the core reads."""

import math
import operator
from typing import SupportsFloat, SupportsIndex, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import AnyArray, LabelVector, is_masked
from ..embeddings import Embeddings

EmbeddingsLike: TypeAlias = Embeddings | ArrayLike
"""Embeddings, or an array [N, D] of numbers."""

_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_DTYPES_READ_IN_PLACE = (np.dtype(np.float32), np.dtype(np.uint8), np.dtype(np.int8))


def as_embeddings(value: EmbeddingsLike, feature_dim: int, name: str = "embeddings") -> Embeddings:
    """Returns ``value`` as C-contiguous Embeddings, without a copy if possible.

    uint8 and int8 arrays are taken as whole numbers, with scale 1 and zero point 0. Other types
    are converted to float32. NaN and infinity are not checked for here: the core rejects them
    when it reads them.

    Args:
        value: Embeddings, or an array [N, D].
        feature_dim: D.
        name: The name of the value in error messages.

    Raises:
        ValueError: ``value`` is not a matrix of D columns, or does not hold numbers.
    """
    if isinstance(value, Embeddings):
        _check_features(value.quantized, feature_dim, name)
        return Embeddings(
            np.require(value.quantized, requirements=["C", "A"]), value.scale, value.zero_point
        )
    return Embeddings(_as_stored_matrix(value, feature_dim, name))


def as_any_embeddings(value: EmbeddingsLike, name: str) -> Embeddings:
    """Returns embeddings of any number of features as :func:`as_embeddings` does.

    Raises:
        ValueError: ``value`` is not a matrix of finite numbers.
    """
    if not isinstance(value, Embeddings):
        value = as_array(value, name)
    rows = as_embeddings(value, value.shape[1] if value.ndim == 2 else 0, name)
    if rows.quantized.dtype == np.float32 and not np.isfinite(rows.quantized).all():
        raise ValueError(f"{name} must be finite float32 numbers")
    return rows


def as_labels(value: ArrayLike, rows: int, num_classes: int, name: str) -> LabelVector:
    """Returns a copy of ``value`` as int32 labels, which no other thread can change.

    Args:
        value: Integers [rows] in [0, num_classes).
        rows: The number of embeddings, which need one label each.
        num_classes: C.
        name: The name of the value in error messages.

    Raises:
        ValueError: ``value`` has another shape, does not hold integers, or one is out of range.
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


def as_array(value: ArrayLike, name: str) -> AnyArray:
    """Returns ``value`` as an array; an array is returned as it is.

    Raises:
        ValueError: ``value`` is a masked array, or its rows differ in length.
    """
    if is_masked(value):  # NumPy would use its masked numbers like the others
        raise ValueError(f"{name} must not be a masked array: fill it, or leave out masked rows")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array: {error}") from error


def as_float_array(value: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """Returns ``value`` as finite float32 numbers.

    Raises:
        ValueError: ``value`` has another shape, or does not hold numbers that are finite in
            float32.
    """
    numbers = _as_float32(as_array(value, name), name)
    if numbers.shape != shape:
        raise ValueError(f"{name} must have shape {list(shape)}, not {list(numbers.shape)}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be finite float32 numbers")
    return numbers


def as_whole_number(value: SupportsIndex, name: str, minimum: int, bits: int = 63) -> int:
    """Returns ``value``, which may be a NumPy integer, as an int in [minimum, 2^bits).

    Raises:
        ValueError: ``value`` is not an integer, or is out of range.
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


def as_non_negative(value: SupportsFloat, name: str) -> float:
    """Returns ``value`` as a float that is at least 0 and finite in float32.

    Raises:
        ValueError: ``value`` is not a number, or is out of range.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, not {value!r}") from None
    except OverflowError:  # an int of hundreds of digits
        number = math.inf
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be finite and at least 0, not {number}")
    if number > _MAX_FLOAT32:
        raise ValueError(f"{name} must be at most {_MAX_FLOAT32:.2g}, not {number}")
    return number


def as_positive(value: SupportsFloat, name: str) -> float:
    """Returns ``value`` as a float that is more than 0 and finite in float32.

    Raises:
        ValueError: ``value`` is not a number, or is out of range.
    """
    number = as_non_negative(value, name)
    if number == 0:
        raise ValueError(f"{name} must be more than 0")
    return number


def _check_features(matrix: AnyArray, feature_dim: int, name: str) -> None:
    if matrix.shape[1] != feature_dim:
        raise ValueError(f"{name} must have {feature_dim} features per row, not {matrix.shape[1]}")


def _as_stored_matrix(value: ArrayLike, feature_dim: int, name: str) -> AnyArray:
    matrix = as_array(value, name)
    if matrix.ndim != 2:
        raise ValueError(
            f"{name} must be a matrix with one embedding per row, not of shape {list(matrix.shape)}"
        )
    _check_features(matrix, feature_dim, name)  # before any copy, which may be large
    if matrix.dtype not in _DTYPES_READ_IN_PLACE:
        matrix = _as_float32(matrix, name)
    return np.require(matrix, requirements=["C", "A"])


def _as_float32(numbers: AnyArray, name: str) -> NDArray[np.float32]:
    if numbers.dtype.kind not in "biufO":
        raise ValueError(f"{name} must be numbers, not {numbers.dtype}")
    try:
        with np.errstate(over="ignore"):  # becomes infinite, which is rejected later
            return numbers.astype(np.float32, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be numbers: {error}") from error


def _as_integers(labels: AnyArray, name: str) -> NDArray[np.int64]:
    try:
        return cast(NDArray[np.int64], labels.astype(np.int64))
    except OverflowError as error:
        raise ValueError(f"{name} must be 64-bit integers: {error}") from error
