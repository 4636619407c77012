"""Images as the input of a model."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .utils.image_processing import resampling_with_original_ratio

if TYPE_CHECKING:
    from PIL.Image import Image

_MODES = {1: "L", 3: "RGB"}


def image_values(
    image: "Image", shape: NDArray[np.int32], resample: int, *, keep_aspect_ratio: bool = False
) -> tuple[NDArray[Any], tuple[float, float]]:
    """Returns the pixels of an image that is resized to a model's input.

    Args:
        image: The image, in any mode.
        shape: The shape of the model's input.
        resample: Pillow's filter for resizing.
        keep_aspect_ratio: Whether to pad the image with black instead of stretching it.

    Returns:
        The pixels, 1-D, and the part of the input that the image covers, horizontally and
        vertically.

    Raises:
        RuntimeError: The input is not a single image.
        ValueError: The input has other than 1 or 3 channels.
    """
    if len(shape) != 4 or shape[0] != 1:
        raise RuntimeError("Invalid input tensor shape! Expected: [1, height, width, channel]")
    _, height, width, channels = map(int, shape)
    if channels not in _MODES:
        raise ValueError(f"Invalid input tensor channel! Expected: 1 or 3. Actual: {channels}")
    size, covered = (width, height), (1.0, 1.0)
    if keep_aspect_ratio:
        resized, covered = resampling_with_original_ratio(image, size, resample)
    else:
        resized = image.resize(size, resample)
    return np.asarray(resized.convert(_MODES[channels])).flatten(), covered
