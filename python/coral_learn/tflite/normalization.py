"""The normalizations of pixels that image models are trained with."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

_PIXELS = np.arange(256)
_TOLERANCE = 0.05  # the part of a normalization's range that calibration may fall short of


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

    def share_of(self, low: float, high: float) -> float:
        """Returns the part of a range that black to white fills, or 0 if it does not fit."""
        values = self.values()
        darkest, brightest = values.min(), values.max()
        slack = _TOLERANCE * (brightest - darkest)
        fits = low - slack <= darkest and brightest <= high + slack
        return float((brightest - darkest) / (high - low)) if fits else 0.0

    def __str__(self) -> str:
        """Returns the text that ``--input-range`` takes for it."""
        for text, known in INPUT_RANGES.items():
            if self == known:
                return text
        return ",".join(f"{number:g}" for number in (*self.mean, *self.std))


NormalizationLike: TypeAlias = Normalization | str
"""A normalization, or its text: ``0..255``, ``0..1``, ``-1..1``, ``imagenet`` or ``MEAN,STD``."""

SIGNED_UNIT = Normalization((127.5,), (127.5,))
UNIT = Normalization((0.0,), (255.0,))
BYTES = Normalization((0.0,), (1.0,))
IMAGENET = Normalization((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))

INPUT_RANGES = {"-1..1": SIGNED_UNIT, "0..1": UNIT, "0..255": BYTES, "imagenet": IMAGENET}
"""The usual normalizations by the text of ``--input-range``."""

_MIN_SHARES = {SIGNED_UNIT: 0.25, UNIT: 0.25, BYTES: 0.25, IMAGENET: 0.95}
"""The part of a tensor's range that each normalization must fill to be taken for the model's."""


def normalization_of_range(low: float, high: float) -> Normalization | None:
    """Returns the normalization that a tensor with this range was made for, or None.

    It is ImageNet's mean and deviation if they fill almost the whole range; otherwise, [-1, 1],
    [0, 1] or [0, 255], whichever fits into the range and fills the largest part of it. None if none
    of them fills a quarter.
    """
    best, best_share = None, 0.0
    for normalization, min_share in _MIN_SHARES.items():
        share = normalization.share_of(low, high)
        if share > max(best_share, min_share):
            best, best_share = normalization, share
    return best


def parse_normalization(value: NormalizationLike) -> Normalization:
    """Returns the normalization that a user has given.

    Args:
        value: A normalization, or a text: a name in :data:`INPUT_RANGES`, ``MEAN,STD``, or three
            means and three deviations, ``R,G,B,R,G,B``, in pixel values from 0 to 255.

    Raises:
        ValueError: The text is none of these, or a number is not finite, or a deviation is not
            positive.
    """
    if isinstance(value, str):
        if value in INPUT_RANGES:
            return INPUT_RANGES[value]
        try:
            numbers = [float(number) for number in value.split(",")]
        except ValueError:
            numbers = []
        half = len(numbers) // 2
        mean, std = tuple(numbers[:half]), tuple(numbers[half:])
    else:
        mean, std = (tuple(map(float, numbers)) for numbers in value)
    valid = len(mean) == len(std) and len(mean) in (1, 3)
    if not (valid and np.isfinite([*mean, *std]).all() and min(std) > 0):
        raise ValueError(
            f"the input range {value!r} is not known: use one of {', '.join(INPUT_RANGES)}, or the "
            "mean and the deviation of the pixel values, such as 127.5,127.5 (or three of each)"
        )
    return Normalization(mean, std)
