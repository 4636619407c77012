"""Checks of what shards answer: they may be on other computers, and of other versions."""

import numpy as np

from .buckets import BUCKETS
from .shard import HeldOutSums, LossSums, Moments, ShardDescription, ShardError
from .sketch import SKETCH


def name_of(index: int) -> str:
    """Returns what messages call a shard by its place in the list that was given."""
    return f"shard {index}"


def check_description(
    found: ShardDescription, index: int, features: int, classes: int, grouped: bool
) -> None:
    """Checks what a shard says that it holds.

    Raises:
        ShardError: It does not fit to the head or to the other shards, or is impossible.
    """
    name = name_of(index)
    if found.features != features:
        raise ShardError(
            f"{name} has embeddings of {found.features} features, and the head of {features}: were "
            "they made with another extractor?"
        )
    held = len(found.rows)
    if held > classes:
        raise ShardError(f"{name} has labels up to {held - 1}: they must be in [0, {classes})")
    if found.rows.shape != (held, BUCKETS) or found.weights.shape != (held, BUCKETS):
        raise ShardError(f"{name} must count its rows by class and bucket, [C, {BUCKETS}]")
    valid = (found.rows >= 0) & (found.weights >= 0) & np.isfinite(found.weights)
    if not valid.all() or (found.weights[found.rows == 0] != 0).any():
        raise ShardError(f"{name} says that it has less than no rows, or rows of no valid weight")
    if found.grouped != grouped:
        raise ShardError(
            f"{name} {'has' if found.grouped else 'has no'} groups of rows, unlike the first one: "
            "give the groups of all shards, or of none"
        )


def check_moments(found: Moments, index: int, features: int) -> None:
    """Checks the moments of a shard.

    Raises:
        ShardError: A shape is wrong, a number is not finite, or a sum of squares is negative.
    """
    vector = (features,)
    _check_shape(found.total, vector, index, "moments")
    _check_shape(found.squares, vector, index, "moments")
    _check_shape(found.sketch, (features, SKETCH), index, "moments")
    _check_shape(found.sketch_total, vector, index, "moments")
    numbers = (found.weight, found.lengths, found.zeros, found.sketch_rows)
    valid = np.isfinite(numbers).all() and min(numbers) >= 0 and (found.squares >= 0).all()
    if not valid:
        raise ShardError(f"{name_of(index)} returned moments that no embeddings have")


def check_loss_sums(found: LossSums, index: int, shape: tuple[int, ...]) -> None:
    """Checks the loss and gradient of a shard.

    Raises:
        ShardError: A shape is wrong, a number is not finite, or a loss or weight is negative.
    """
    _check_shape(found.weight_gradient, shape, index, "gradient")
    _check_shape(found.bias_gradient, shape[:1], index, "gradient")
    _check_sums((found.loss, found.weight), index)


def check_held_out(found: HeldOutSums, index: int, temperatures: int) -> None:
    """Checks the held-out loss of a shard.

    Raises:
        ShardError: A shape is wrong, a number is not finite, or a loss or weight is negative.
    """
    _check_shape(found.losses, (temperatures,), index, "losses")
    _check_sums((*found.losses, found.weight, found.right), index)


def _check_sums(numbers: tuple[float, ...], index: int) -> None:
    if not (np.isfinite(numbers).all() and min(numbers) >= 0):
        raise ShardError(f"{name_of(index)} returned losses that no rows have: {numbers}")


def _check_shape(array: object, shape: tuple[int, ...], index: int, what: str) -> None:
    found = np.asarray(array)
    if found.shape != shape:
        raise ShardError(
            f"{name_of(index)} returned {what} of shape {list(found.shape)} for {list(shape)}"
        )
    if found.dtype.kind != "f" or not np.isfinite(found).all():
        raise ShardError(f"{name_of(index)} returned {what} that are not finite numbers")
