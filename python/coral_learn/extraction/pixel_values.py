"""The tensor value of each of the 256 pixel values, for a model's input."""

import numpy as np
from numpy.typing import NDArray

from ..edgetpu.runtime import TensorDetails
from ..errors import ModelError
from ..tflite.normalization import BYTES, IMAGENET, SIGNED_UNIT, UNIT, Normalization

TensorValue = np.uint8 | np.int8 | np.float32
"""The types of the values in a model's input and output."""

_TOLERANCE = 0.05  # the part of a normalization's range that calibration may fall short of
_MIN_SHARES = {SIGNED_UNIT: 0.25, UNIT: 0.25, BYTES: 0.25, IMAGENET: 0.95}
"""The part of a tensor's range that each normalization must fill to be taken for the model's."""


def pixel_values(
    details: TensorDetails, declared: Normalization | None = None
) -> NDArray[TensorValue]:
    """Returns the tensor value of each pixel value.

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

    Returns:
        The values in the tensor's dtype, of shape [256], or [256, 3] if the channels differ.

    Raises:
        ModelError: The input is not uint8, int8 or float32.
    """
    dtype = np.dtype(details["dtype"])
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
    return table[:, 0] if table.shape[1] == 1 else table


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
