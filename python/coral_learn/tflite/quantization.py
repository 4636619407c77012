"""How 8-bit tensors store real numbers."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Outside this range, products of scales are no longer exact in 32-bit floats.
MIN_SCALE = 2.0**-100
MAX_SCALE = 2.0**100


class Quantization(NamedTuple):
    """How a tensor stores real numbers: ``real = (stored - zero_point) * scale``.

    Attributes:
        dtype: uint8 or int8.
        scale: The real difference between two neighbouring stored values; positive.
        zero_point: The stored value of real zero, within the range of ``dtype``.
    """

    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    @classmethod
    def of_range(
        cls, dtype: np.dtype[Any], low: float, high: float, min_scale: float = MIN_SCALE
    ) -> "Quantization":
        """Spreads the stored values over [low, high], widened to include 0."""
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32(np.clip((high - low) / 255, min_scale, MAX_SCALE)))
        lowest, highest = stored_range(dtype)
        zero_point = int(np.clip(np.rint(lowest - low / scale), lowest, highest))
        return cls(dtype, scale, zero_point)

    @property
    def low(self) -> float:
        """The smallest real number that can be stored."""
        return (stored_range(self.dtype)[0] - self.zero_point) * self.scale

    @property
    def high(self) -> float:
        """The largest real number that can be stored."""
        return (stored_range(self.dtype)[1] - self.zero_point) * self.scale

    def quantize(self, real: ArrayLike) -> NDArray[Any]:
        """Returns the nearest stored values of real numbers, clipped to the range."""
        lowest, highest = stored_range(self.dtype)
        return round_to_scale(real, self.scale, self.zero_point, lowest, highest).astype(self.dtype)

    def dequantize(self, stored: ArrayLike) -> NDArray[np.float64]:
        """Returns the real numbers of stored values."""
        return (np.asarray(stored, np.float64) - self.zero_point) * self.scale


def probability_quantization(dtype: np.dtype[Any]) -> Quantization:
    """Returns the quantization of probabilities that the runtimes require of SOFTMAX."""
    return Quantization(dtype, 1 / 256, stored_range(dtype)[0])


def stored_range(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Returns the smallest and the largest value of an integer type."""
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def round_to_scale(
    real: ArrayLike, scale: ArrayLike, zero_point: int, lowest: int, highest: int
) -> NDArray[np.float64]:
    """Returns the nearest whole multiples of a scale, shifted and clipped.

    Works in one array, because heads can be large.
    """
    stored = np.asarray(np.divide(real, scale, dtype=np.float64))
    np.rint(stored, out=stored)
    stored += zero_point
    return np.clip(stored, lowest, highest, out=stored)
