"""Pixels to input tensors: which number a model wants for each of the 256 pixel values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

_PIXELS = np.arange(256)


class Normalization(NamedTuple):
    """What a float model was trained on: real value = (pixel - mean) / std.

    Attributes:
        mean: Of each channel, or one for all.
        std: Of each channel, or one for all.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def values(self) -> NDArray[np.float64]:
        """Returns the real value of each pixel value, [256, channels]."""
        values: NDArray[np.float64] = (_PIXELS[:, None] - np.array(self.mean)) / np.array(self.std)
        return values


SIGNED_UNIT = Normalization((127.5,), (127.5,))
UNIT = Normalization((0.0,), (255.0,))
BYTES = Normalization((0.0,), (1.0,))
IMAGENET = Normalization((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))

_TOLERANCE = 0.05  # of a normalization's own range, by which calibration may fall short of it
_LEAST_SHARE = {SIGNED_UNIT: 0.25, UNIT: 0.25, BYTES: 0.25, IMAGENET: 0.95}
"""How much of the tensor's range a normalization must fill to be taken for the model's own."""


@dataclass(frozen=True)
class InputFormat:
    """How pixels become a model's input.

    Attributes:
        size: Width and height of the input.
        table: The tensor value of each pixel value, in the tensor's dtype: [256], or [256, 3]
            where the channels differ.
    """

    size: tuple[int, int]
    table: NDArray[Any]

    @classmethod
    def of_tensor(
        cls, details: Mapping[str, Any], declared: Normalization | None = None
    ) -> "InputFormat":
        """Reads the format from an interpreter's description of its input tensor.

        A float32 input gets pixels normalized as its metadata declares, or else to [-1, 1], as
        Coral's own and Keras' MobileNets do.

        A quantized input gets the same, quantized. Where nothing is declared that fits into the
        tensor's range of real values, that range itself tells the normalization, because the
        converter took it from what photos, black to white, gave: it is ImageNet's mean and
        deviation where they fill just the range, or else the one of [-1, 1], [0, 1] and [0, 255]
        that fits into the range and fills most of it. Where none fills a quarter, black to white
        is taken to span the whole range. Where all this comes to the pixel's own byte within a
        level (less 128 for int8), the byte is used as it is: so do pycoral and MediaPipe, and so
        these models were tested.

        Args:
            details: One of the interpreter's input details.
            declared: The normalization in the model's metadata.

        Raises:
            ModelError: The input is not one RGB image of uint8, int8 or float32.
        """
        shape, dtype = [int(size) for size in details["shape"]], np.dtype(details["dtype"])
        if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or min(shape) < 1:
            raise ModelError(
                f"the model's input has shape {shape}: an image model needs [1, height, width, 3]"
            )
        scale, zero_point = details["quantization"]
        if dtype == np.float32:
            table = (declared or SIGNED_UNIT).values().astype(np.float32)
        elif dtype in (np.uint8, np.int8):
            table = _quantized_table(np.iinfo(dtype), float(scale), int(zero_point), declared)
        else:
            raise ModelError(f"the model's input is {dtype}: uint8, int8 or float32 is needed")
        return cls((shape[2], shape[1]), table[:, 0] if table.shape[1] == 1 else table)

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Returns the input tensor for an RGB image.

        Args:
            pixels: uint8 of shape [height, width, 3].

        Returns:
            The tensor, of shape [1, height, width, 3].
        """
        if self.table.ndim == 2:
            return self.table[pixels, np.arange(3)][None]
        if self.table.dtype == np.uint8 and np.array_equal(self.table, _PIXELS):
            return pixels[None]
        return self.table[pixels][None]


def _quantized_table(
    kind: "np.iinfo[Any]", scale: float, zero_point: int, declared: Normalization | None
) -> NDArray[Any]:
    own_bytes = (_PIXELS + kind.min)[:, None]
    low, high = (kind.min - zero_point) * scale, (kind.max - zero_point) * scale
    if declared is not None and _share(declared, low, high) > 0:
        normalization: Normalization | None = declared
    else:
        normalization = _normalization_of_range(low, high)
    if normalization is None:
        return own_bytes.astype(kind.dtype)
    levels = np.round(normalization.values() / scale) + zero_point
    if np.abs(levels - own_bytes).max() <= 1:
        return own_bytes.astype(kind.dtype)
    return levels.clip(kind.min, kind.max).astype(kind.dtype)


def _normalization_of_range(low: float, high: float) -> Normalization | None:
    """Returns the normalization that a tensor of this range was made for, None for its own."""
    best, best_share = None, 0.0
    for normalization, least_share in _LEAST_SHARE.items():
        share = _share(normalization, low, high)
        if share > max(best_share, least_share):
            best, best_share = normalization, share
    return best


def _share(normalization: Normalization, low: float, high: float) -> float:
    """Returns how much of a range black to white fills; 0 where it does not fit into it."""
    values = normalization.values()
    least, most = values.min(), values.max()
    slack = _TOLERANCE * (most - least)
    fits = low - slack <= least and most <= high + slack
    return float((most - least) / (high - low)) if fits else 0.0
