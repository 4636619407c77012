"""The file that a head is saved in."""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np

from ..arrays import AnyArray
from ..embeddings import Embeddings
from ..npz import read_npz, write_npz

_FORMAT_VERSION = 1

T = TypeVar("T")


class SavedHead(NamedTuple):
    """The contents of a saved head.

    Attributes:
        weights: The weights, [D, C]; float32 in files that this package wrote.
        biases: The biases, [C]; float32 in files that this package wrote.
        weight_scale: Standard deviation of the initial weights.
        reg: The L2 penalty of training with SGD.
        seed: The seed that was given, or None.
        labels: The name of each class, or None.
        calibration: A sample of the embeddings that the head was trained on, or None.
    """

    weights: AnyArray
    biases: AnyArray
    weight_scale: float
    reg: float
    seed: int | None
    labels: list[str] | None
    calibration: Embeddings | None


def save_head(path: str | os.PathLike[str], head: SavedHead) -> None:
    """Writes a head to a file, completely or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    fields: dict[str, object] = {
        "version": _FORMAT_VERSION,
        "weights": head.weights,
        "biases": head.biases,
        "weight_scale": head.weight_scale,
        "reg": head.reg,
    }
    if head.seed is not None:
        fields["seed"] = head.seed
    if head.labels is not None:
        fields["labels"] = np.array(head.labels, dtype=np.str_)
    if head.calibration is not None:
        fields["calibration"] = head.calibration.quantized
        fields["calibration_scale"] = head.calibration.scale
        fields["calibration_zero_point"] = head.calibration.zero_point
    write_npz(path, fields)


def load_head(path: str | os.PathLike[str], make: Callable[[SavedHead], T]) -> T:
    """Reads a file that :func:`save_head` wrote.

    Args:
        path: The file.
        make: Makes the result from the contents. Its exceptions mean that the file is broken.

    Raises:
        ValueError: The file holds something else, or is broken.
        OSError: The file cannot be read.
    """
    return read_npz(
        path, "a saved head", _FORMAT_VERSION, lambda fields: make(_read_fields(fields))
    )


def _read_fields(fields: Mapping[str, AnyArray]) -> SavedHead:
    return SavedHead(
        weights=fields["weights"],
        biases=fields["biases"],
        weight_scale=float(fields["weight_scale"]),
        reg=float(fields["reg"]),
        seed=int(fields["seed"]) if "seed" in fields else None,
        labels=fields["labels"].tolist() if "labels" in fields else None,
        calibration=_read_calibration(fields) if "calibration" in fields else None,
    )


def _read_calibration(fields: Mapping[str, AnyArray]) -> Embeddings:
    return Embeddings(
        fields["calibration"],
        float(fields["calibration_scale"]),
        int(fields["calibration_zero_point"]),
    )
