"""The tensor value of each of the 256 pixel values, for a model's input."""

import numpy as np
from numpy.typing import NDArray

from ..edgetpu.runtime import TensorDetails
from ..errors import ModelError
from ..tflite.normalization import SIGNED_UNIT, Normalization, normalization_of_range

TensorValue = np.uint8 | np.int8 | np.float32
"""The types of the values in a model's input and output."""


def pixel_values(
    details: TensorDetails,
    declared: Normalization | None = None,
    given: Normalization | None = None,
) -> NDArray[TensorValue]:
    """Returns the tensor value of each pixel value.

    A normalization that the user gives overrules everything. Without it, a float32 input gets
    pixels that are normalized as the model declares, or to [-1, 1] without a declaration, as the
    MobileNets of Coral and Keras expect.

    A quantized input gets the same real values, quantized. If no normalization is declared, or
    the declared one does not fit into the tensor's range of real values, the normalization is
    inferred from that range, which the converter took from photos between black and white; see
    :func:`~coral_learn.tflite.normalization.normalization_of_range`. If that finds none, black to
    white is assumed to span the whole range.

    If the result is within one level of the pixel's own byte (minus 128 for int8), the byte
    is used unchanged, because pycoral and MediaPipe do so, and these models were tested with
    them.

    Args:
        details: One of the interpreter's input details.
        declared: The normalization that the model declares.
        given: The normalization that the user gives.

    Returns:
        The values in the tensor's dtype, of shape [256], or [256, 3] if the channels differ.

    Raises:
        ModelError: The input is not uint8, int8 or float32.
    """
    dtype = np.dtype(details["dtype"])
    scale, zero_point = details["quantization"]
    if dtype == np.float32:
        values = (given or declared or SIGNED_UNIT).values()
    elif dtype in (np.uint8, np.int8):
        values = _quantized_values(np.iinfo(dtype), float(scale), int(zero_point), declared, given)
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
    given: Normalization | None,
) -> NDArray[np.float64]:
    """Returns the stored value of each pixel value, whole numbers of shape [256, channels]."""
    own_bytes = np.arange(limits.min, limits.max + 1, dtype=np.float64)[:, None]
    low, high = (limits.min - zero_point) * scale, (limits.max - zero_point) * scale
    fitting = declared if declared is not None and declared.share_of(low, high) > 0 else None
    normalization = given or fitting or normalization_of_range(low, high)
    if normalization is None:
        return own_bytes
    # An integer input without a scale takes its values as they are.
    levels: NDArray[np.float64] = np.round(normalization.values() / (scale or 1)) + zero_point
    if np.abs(levels - own_bytes).max() <= 1:
        return own_bytes
    return levels.clip(limits.min, limits.max)
