"""The state of a head, which several threads may share."""

import copy
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..arrays import BiasVector, WeightMatrix
from ..embeddings import Embeddings
from .core import Head
from .object_lock import ObjectLock

_MAX_WEIGHTS = 2**29  # of 4 bytes each, in a .tflite file of at most 2 GB
_MAX_CALIBRATION_ROWS = 2048


class HeadValues(NamedTuple):
    """The values of a head at one moment.

    Attributes:
        weights: A copy of the weights, [C, D].
        biases: A copy of the biases, [C].
        labels: The name of each class, or None.
        calibration: A sample of the embeddings that the head was trained on, or None.
    """

    weights: WeightMatrix
    biases: BiasVector
    labels: list[str] | None
    calibration: Embeddings | None


@dataclass(eq=False)
class HeadState:
    """The arrays of a head and everything that belongs to them.

    Attributes:
        weights: The weights, [C, D]. Only changed in place, because users hold views of them.
        biases: The biases, [C]. Only changed in place.
        reg: The L2 penalty of training with SGD.
        seed: The seed that was given, or None.
        generator: Draws the initial weights and the seeds of trainings.
        labels: The name of each class, or None.
        calibration: A sample of the embeddings that the head was trained on, or None.
        training_lock: Held while the head is trained or copied.
        lock: Held for a short time, to read or write what training changes.
    """

    weights: WeightMatrix
    biases: BiasVector
    reg: float
    seed: int | None
    generator: np.random.Generator
    labels: list[str] | None = None
    calibration: Embeddings | None = None
    training_lock: ObjectLock = field(default_factory=ObjectLock)
    lock: ObjectLock = field(default_factory=ObjectLock)

    @classmethod
    def initial(
        cls, feature_dim: int, num_classes: int, weight_scale: float, reg: float, seed: int | None
    ) -> "HeadState":
        """Draws weights from a normal distribution; biases are zero.

        Raises:
            ValueError: The head is too large for a .tflite file, or a weight is infinite.
        """
        if num_classes * feature_dim > _MAX_WEIGHTS:
            raise ValueError(
                f"{feature_dim} features and {num_classes} classes are more than a .tflite file "
                f"can hold: their product must be at most {_MAX_WEIGHTS}"
            )
        generator = np.random.default_rng(seed)
        weights = generator.standard_normal((num_classes, feature_dim), np.float32)
        with np.errstate(over="ignore"):  # infinite weights are rejected below
            weights *= np.float32(weight_scale)
        if not np.isfinite(weights).all():
            raise ValueError(
                f"weight_scale {weight_scale:g} is too large: it gives infinite weights"
            )
        return cls(weights, np.zeros(num_classes, np.float32), reg, seed, generator)

    @property
    def feature_dim(self) -> int:
        """D, the number of features."""
        return int(self.weights.shape[1])

    @property
    def num_classes(self) -> int:
        """C, the number of classes."""
        return int(self.weights.shape[0])

    def snapshot(self) -> Head:
        """Copies weights and biases into a head that the core can work with.

        Raises:
            ValueError: A weight or bias is NaN or infinite.
        """
        with self.lock:
            head = Head(self.weights, self.biases)
        if not head.is_finite():
            raise _not_finite_error()
        return head

    def values(self) -> HeadValues:
        """Copies the values that make up a saved head.

        Raises:
            ValueError: A weight or bias is NaN or infinite.
        """
        with self.lock:
            values = HeadValues(
                self.weights.copy(), self.biases.copy(), self.labels, self.calibration
            )
        if not (np.isfinite(values.weights).all() and np.isfinite(values.biases).all()):
            raise _not_finite_error()
        return values

    def publish(self, head: Head, calibration: Embeddings | None) -> None:
        """Stores a trained head. The arrays that users hold show it as well."""
        with self.lock:
            head.copy_to(self.weights, self.biases)
            self.calibration = calibration

    def copy(self) -> "HeadState":
        """Returns an independent state, after waiting for trainings to end."""
        with self.training_lock, self.lock:
            return replace(
                self,
                weights=self.weights.copy(),
                biases=self.biases.copy(),
                generator=copy.deepcopy(self.generator),
                training_lock=ObjectLock(),
                lock=ObjectLock(),
            )


def calibration_sample(embeddings: Embeddings) -> Embeddings:
    """Copies evenly spaced rows, whose logits the quantized head must be able to represent."""
    step = -(-len(embeddings) // _MAX_CALIBRATION_ROWS)
    return Embeddings(embeddings.quantized[::step].copy(), embeddings.scale, embeddings.zero_point)


def _not_finite_error() -> ValueError:
    return ValueError("the weights or biases of this head hold NaN or infinity: set finite ones")
