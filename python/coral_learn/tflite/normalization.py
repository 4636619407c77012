"""The normalizations of pixels that image models are trained with."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_PIXELS = np.arange(256)


class Normalization(NamedTuple):
    """The normalization that a model was trained with: real value = (pixel - mean) / std.

    Attributes:
        mean: The mean of each channel, or one mean for all channels.
        std: The standard deviation of each channel, or one for all channels; not zero.
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
