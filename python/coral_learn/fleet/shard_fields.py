"""The questions to a shard and its answers, as fields of messages.

Weights and gradients travel as float32, which is what a head has; all other sums as float64.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import BiasVector, WeightMatrix
from ..heads.buckets import BUCKETS
from ..heads.fold_table import Fold
from ..heads.shard import HeldOutSums, LossSums, Moments, Shard, ShardDescription
from ..heads.sketch import SKETCH
from .fields import Fields, Value, array, number

_MAX_TEMPERATURES = 1000
_ROUNDING = 1e-3  # of a sum of losses that are nearly 0


@dataclass(frozen=True)
class HeadQuestion:
    """A head that a shard is asked about, and which of its rows.

    Attributes:
        weights: float32 [C, D].
        biases: float32 [C].
        fold: The fold, or None for all rows.
        unit_length: Whether each row is divided by its length.
    """

    weights: WeightMatrix
    biases: BiasVector
    fold: Fold | None
    unit_length: bool

    def fields(self, kind: str) -> dict[str, Value]:
        """Returns the fields of the question."""
        fields: dict[str, Value] = {
            "ask": kind,
            "weights": np.asarray(self.weights, np.float32),
            "biases": np.asarray(self.biases, np.float32),
            "unit_length": self.unit_length,
        }
        if self.fold is not None:
            fields |= {"table": self.fold.table, "fold": self.fold.number}
        return fields

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any], features: int, classes: int) -> "HeadQuestion":
        """Reads a question.

        Raises:
            ValueError: A field is missing, or has a wrong shape.
        """
        fold = None
        if "table" in fields:
            table = array(fields, "table", (classes, BUCKETS))
            fold = Fold(table.astype(np.int8), int(number(fields, "fold")))
        return cls(
            array(fields, "weights", (classes, features)).astype(np.float32),
            array(fields, "biases", (classes,)).astype(np.float32),
            fold,
            bool(fields.get("unit_length", False)),
        )


def answer_fields(kind: str, shard: Shard, question: Mapping[str, Any]) -> Fields:
    """Returns the answer of a shard to a question.

    Raises:
        ValueError: The question is none that a shard answers, or its arguments are wrong.
    """
    if kind == "describe":
        return vars(shard.describe())
    if kind == "moments":
        buckets = int(number(question, "sketch_buckets"))
        return vars(shard.moments(buckets, unit_length=bool(question.get("unit_length", False))))
    features, classes = shard.describe().features, len(question["classes"])
    head = HeadQuestion.of_fields(question, features, classes)
    arguments = head.weights, head.biases, head.fold
    if kind == "loss":
        sums = shard.loss_and_gradient(*arguments, unit_length=head.unit_length)
        return vars(sums) | {"weight_gradient": sums.weight_gradient.astype(np.float32)}
    if kind == "held out":
        temperatures = _vector(question, "temperatures")
        return vars(
            shard.held_out_loss(*arguments, temperatures.tolist(), unit_length=head.unit_length)
        )
    raise ValueError("the question is none of coral-learn's")


def read_description(answer: Mapping[str, Any], classes: int) -> ShardDescription:
    """Reads what a shard holds.

    Raises:
        ValueError: The answer is not one.
    """
    rows = answer.get("rows")
    count = len(rows) if isinstance(rows, np.ndarray) and rows.ndim else 0
    if not 1 <= count <= classes:
        raise ValueError(f"it has {count} classes of {classes}")
    found = array(answer, "rows", (count, BUCKETS)).astype(np.int64)
    weights = array(answer, "weights", (count, BUCKETS)).astype(np.float64)
    if (found < 0).any() or (weights < 0).any():
        raise ValueError("it has a negative number of photos")
    features = int(number(answer, "features"))
    return ShardDescription(features, found, weights, bool(answer.get("grouped", False)))


def read_moments(answer: Mapping[str, Any], features: int) -> Moments:
    """Reads moments; see :func:`read_description`."""
    return Moments(
        number(answer, "weight"),
        _float64(answer, "total", (features,)),
        _float64(answer, "squares", (features,)),
        number(answer, "lengths"),
        int(number(answer, "zeros")),
        _float64(answer, "sketch", (features, SKETCH)),
        _float64(answer, "sketch_total", (features,)),
        int(number(answer, "sketch_rows")),
    )


def read_loss(answer: Mapping[str, Any], shape: tuple[int, int]) -> LossSums:
    """Reads a loss and its gradient, for weights of this shape; see :func:`read_description`."""
    return LossSums(
        number(answer, "loss"),
        _float64(answer, "weight_gradient", shape),
        _float64(answer, "bias_gradient", shape[:1]),
        number(answer, "weight"),
    )


def read_held_out(answer: Mapping[str, Any], temperatures: Sequence[float]) -> HeldOutSums:
    """Reads the losses of rows that are held out; see :func:`read_description`."""
    losses = _float64(answer, "losses", (len(temperatures),))
    if (losses < -_ROUNDING).any():
        raise ValueError("it has a negative loss")
    return HeldOutSums(np.maximum(losses, 0), number(answer, "weight"), number(answer, "right"))


def _float64(fields: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return array(fields, name, shape).astype(np.float64)


def _vector(fields: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    value = fields.get(name)
    if not isinstance(value, np.ndarray) or value.ndim != 1 or len(value) > _MAX_TEMPERATURES:
        raise ValueError(f"{name} must be a few numbers")
    if (value <= 0).any():
        raise ValueError(f"{name} must be above 0")
    return value.astype(np.float64)
