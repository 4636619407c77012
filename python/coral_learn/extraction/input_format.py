"""The format of a model's input: which tensor value stands for each of the 256 pixel values."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..edgetpu.runtime import TensorDetails
from ..errors import ModelError

TensorValue = np.uint8 | np.int8 | np.float32
"""The types of the values in a model's input and output."""

InputTensor = NDArray[TensorValue]
"""A model's input for one photo, of shape [1, height, width, 3]."""

_PIXELS = np.arange(256)


class Normalization(NamedTuple):
    """The normalization that a float model was trained with: real value = (pixel - mean) / std.

    Attributes:
        mean: The mean of each channel, or one mean for all channels.
        std: The standard deviation of each channel, or one for all channels.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def values(self) -> NDArray[np.float64]:
        """Returns the real value of each pixel value, float64 of shape [256, channels]."""
        values: NDArray[np.float64] = (_PIXELS[:, None] - np.array(self.mean)) / np.array(self.std)
        return values


SIGNED_UNIT = Normalization((127.5,), (127.5,))
UNIT = Normalization((0.0,), (255.0,))
BYTES = Normalization((0.0,), (1.0,))
IMAGENET = Normalization((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))

_TOLERANCE = 0.05  # the part of a normalization's range that calibration may fall short of
_MIN_SHARES = {SIGNED_UNIT: 0.25, UNIT: 0.25, BYTES: 0.25, IMAGENET: 0.95}
"""The part of a tensor's range that each normalization must fill to be taken for the model's."""


@dataclass(frozen=True)
class InputFormat:
    """The format of a model's input.

    Attributes:
        size: Width and height of the input, in pixels.
        table: The tensor value of each pixel value, in the tensor's dtype; of shape [256], or
            [256, 3] if the channels differ.
    """

    size: tuple[int, int]
    table: NDArray[TensorValue]

    @classmethod
    def of_tensor(
        cls, details: TensorDetails, declared: Normalization | None = None
    ) -> "InputFormat":
        """Reads the format from an interpreter's description of its input tensor.

        A float32 input gets pixels that are normalized as the model's metadata declares, or to
        [-1, 1] without a declaration, as the MobileNets of Coral and Keras expect.

        A quantized input gets the same real values, quantized. If no normalization is declared, or
        the declared one does not fit into the tensor's range of real values, the normalization is
        inferred from that range, which the converter took from photos between black and white. It
        is ImageNet's mean and deviation if they fill almost the whole range; otherwise, [-1, 1],
        [0, 1] or [0, 255], whichever fits into the range and fills the largest part of it. If none
        of them fills a quarter, black to white is assumed to span the whole range.

        If the result is within one level of the pixel's own byte (minus 128 for int8), the byte
        is used unchanged, because pycoral and MediaPipe do so, and these models were tested with
        them.

        Args:
            details: One of the interpreter's input details.
            declared: The normalization in the model's metadata.

        Raises:
            ModelError: The input is not one RGB image of uint8, int8 or float32.
        """
        shape, dtype = [int(size) for size in details["shape"]], np.dtype(details["dtype"])
        if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or min(shape) < 1:
            raise ModelError(
                f"the model's input has shape {shape}, but must be one RGB image, "
                "[1, height, width, 3]: use a model for images"
            )
        scale, zero_point = details["quantization"]
        if dtype == np.float32:
            values = (declared or SIGNED_UNIT).values()
        elif dtype in (np.uint8, np.int8):
            values = _quantized_values(np.iinfo(dtype), float(scale), int(zero_point), declared)
        else:
            raise ModelError(
                f"the model's input is {dtype}, but must be uint8, int8 or float32: convert the "
                "model with an input of one of these types"
            )
        table: NDArray[TensorValue] = values.astype(dtype)
        return cls((shape[2], shape[1]), table[:, 0] if table.shape[1] == 1 else table)

    def encode(self, pixels: NDArray[np.uint8]) -> InputTensor:
        """Returns the input tensor for an RGB image.

        Args:
            pixels: The image, uint8 of shape [height, width, 3].

        Returns:
            The tensor, of shape [1, height, width, 3].
        """
        if self.table.ndim == 2:
            return self.table[pixels, np.arange(3)][None]
        if self.table.dtype == np.uint8 and np.array_equal(self.table, _PIXELS):
            return pixels[None]
        return self.table[pixels][None]


def _quantized_values(
    limits: "np.iinfo[np.uint8 | np.int8]",
    scale: float,
    zero_point: int,
    declared: Normalization | None,
) -> NDArray[np.float64]:
    """Returns the stored value of each pixel value, whole numbers of shape [256, channels]."""
    own_bytes = np.arange(limits.min, limits.max + 1, dtype=np.float64)[:, None]
    low, high = (limits.min - zero_point) * scale, (limits.max - zero_point) * scale
    if declared is not None and _share(declared, low, high) > 0:
        normalization: Normalization | None = declared
    else:
        normalization = _normalization_of_range(low, high)
    if normalization is None:
        return own_bytes
    levels: NDArray[np.float64] = np.round(normalization.values() / scale) + zero_point
    if np.abs(levels - own_bytes).max() <= 1:
        return own_bytes
    return levels.clip(limits.min, limits.max)


def _normalization_of_range(low: float, high: float) -> Normalization | None:
    """Returns the normalization that a tensor with this range was made for, or None."""
    best, best_share = None, 0.0
    for normalization, min_share in _MIN_SHARES.items():
        share = _share(normalization, low, high)
        if share > max(best_share, min_share):
            best, best_share = normalization, share
    return best


def _share(normalization: Normalization, low: float, high: float) -> float:
    """Returns the part of a range that black to white fills, or 0 if it does not fit."""
    values = normalization.values()
    darkest, brightest = values.min(), values.max()
    slack = _TOLERANCE * (brightest - darkest)
    fits = low - slack <= darkest and brightest <= high + slack
    return float((brightest - darkest) / (high - low)) if fits else 0.0
