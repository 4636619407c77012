"""The shape of an image model's input: the batch, the size, and where the channels are."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from ..errors import ModelError

InputSize: TypeAlias = int | tuple[int, int]
"""The size of a model's input in pixels: one number for a square, or (width, height)."""

DEFAULT_SIZE = 224
"""The width and height of the input of a model that takes images of any size."""

_MAX_SIZE = 8192
_CHANNELS = (1, 3)
_NEEDED = (
    "but must be one image, [1, height, width, 3] in color, [1, height, width, 1] in gray, or "
    "[1, 3, height, width] and [1, 1, height, width] with the channels first: use a model for "
    "images"
)


class ImageShape(NamedTuple):
    """The shape of a tensor of images.

    Attributes:
        batch: The number of images.
        width: The stored width in pixels.
        height: The stored height in pixels.
        channels: 3 for RGB, 1 for gray.
        channels_first: Whether the shape is [batch, channels, height, width], not
            [batch, height, width, channels].
        any_width: Whether the model takes images of any width.
        any_height: Whether the model takes images of any height.
    """

    batch: int
    width: int
    height: int
    channels: int
    channels_first: bool = False
    any_width: bool = False
    any_height: bool = False

    @classmethod
    def of(cls, shape: Iterable[int], signature: Iterable[int] | None = None) -> ImageShape:
        """Reads the shape of a model's input.

        A model without a signature that stores an image of one pixel takes images of any size:
        older converters store 1 for a dimension that is not fixed.

        Args:
            shape: The dimensions of the tensor.
            signature: The same with -1 for each dimension that is not fixed, if it is known.

        Raises:
            ModelError: It is not the shape of images.
        """
        dims = [int(size) for size in shape]
        if len(dims) != 4 or min(dims) < 1:
            raise ModelError(f"the model's input has shape {dims}{_found(dims)}, {_NEEDED}")
        fixed = dims if signature is None else [int(size) for size in signature]
        is_last = dims[3] in _CHANNELS and fixed[3] != -1
        is_first = dims[1] in _CHANNELS and fixed[1] != -1
        if is_last and is_first and dims[1:] == [3, 1, 1]:
            is_last = False  # any size with the channels first, not a gray image of 3 pixels
        if not (is_last or is_first):
            raise ModelError(f"the model's input has shape {fixed}{_found(fixed)}, {_NEEDED}")
        down, across = (1, 2) if is_last else (2, 3)
        is_one_pixel = fixed in (dims, []) and dims[down] == dims[across] == 1
        return cls(
            batch=dims[0],
            width=dims[across],
            height=dims[down],
            channels=dims[3 if is_last else 1],
            channels_first=not is_last,
            any_width=is_one_pixel or fixed[across] == -1,
            any_height=is_one_pixel or fixed[down] == -1,
        )

    @property
    def dims(self) -> list[int]:
        """The dimensions of the tensor."""
        if self.channels_first:
            return [self.batch, self.channels, self.height, self.width]
        return [self.batch, self.height, self.width, self.channels]

    @property
    def is_fixed(self) -> bool:
        """Whether the shape is that of one image of a fixed size."""
        return self.batch == 1 and not (self.any_width or self.any_height)

    def of_one_image(self, size: tuple[int, int] | None = None) -> ImageShape:
        """Returns the shape of one image of a fixed size.

        Args:
            size: Width and height; None for those that the model stores, or 224 for each that is
                not fixed.

        Raises:
            ValueError: The model takes images of another size only.
        """
        width = self.width if self.width > 1 or not self.any_width else DEFAULT_SIZE
        height = self.height if self.height > 1 or not self.any_height else DEFAULT_SIZE
        if size is not None:
            can_change = (size[0] == width or self.any_width) and (
                size[1] == height or self.any_height
            )
            if not can_change:
                raise ValueError(
                    f"the model takes photos of {width} x {height} pixels, which cannot be changed "
                    f"to {size[0]} x {size[1]}: leave out the input size"
                )
            width, height = size
        return ImageShape(1, width, height, self.channels, self.channels_first)


def checked_size(size: InputSize | None) -> tuple[int, int] | None:
    """Returns an input size as (width, height).

    Raises:
        ValueError: It is not one or two whole numbers from 1 to 8192.
    """
    if size is None:
        return None
    try:
        width, height = map(operator.index, size if isinstance(size, tuple) else (size, size))
        is_valid = 1 <= width <= _MAX_SIZE and 1 <= height <= _MAX_SIZE
    except (TypeError, ValueError):
        is_valid = False
    if not is_valid:
        raise ValueError(
            f"the input size must be a number of pixels from 1 to {_MAX_SIZE}, or a pair of them "
            f"(width, height), not {size!r}"
        )
    return width, height


def _found(dims: list[int]) -> str:
    if len(dims) == 5:
        return ", as models for video and volumes have"
    if len(dims) == 4 and dims[3] == -1:
        return " without a fixed number of channels"
    return ""
