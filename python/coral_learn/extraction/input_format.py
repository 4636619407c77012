"""The format of a model's input: the shape of the image, and the value of each pixel."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..edgetpu.runtime import TensorDetails
from ..errors import ModelError
from ..tflite.image_shape import ImageShape
from ..tflite.normalization import Normalization
from .pixel_values import TensorValue, pixel_values

if TYPE_CHECKING:
    from .images import ColorMode

InputTensor = NDArray[TensorValue]
"""A model's input for one photo: [1, height, width, channels], or [1, channels, height, width]."""

_BYTES = np.arange(256)


class InputFormat(NamedTuple):
    """The format of a model's input.

    Attributes:
        size: Width and height of the input, in pixels.
        table: The tensor value of each pixel value, in the tensor's dtype; of shape [256], or
            [256, 3] if the channels differ.
        mode: RGB for three channels, L for one.
        channels_first: Whether the tensor has the shape [1, channels, height, width].
    """

    size: tuple[int, int]
    table: NDArray[TensorValue]
    mode: "ColorMode" = "RGB"
    channels_first: bool = False

    @classmethod
    def of_tensor(
        cls,
        details: TensorDetails,
        declared: Normalization | None = None,
        given: Normalization | None = None,
    ) -> "InputFormat":
        """Reads the format from an interpreter's description of its input tensor.

        :func:`~coral_learn.extraction.pixel_values.pixel_values` explains the values.

        Args:
            details: One of the interpreter's input details.
            declared: The normalization that the model declares.
            given: The normalization that the user gives.

        Raises:
            ModelError: The input is not one image of uint8, int8 or float32.
        """
        shape = ImageShape.of(details["shape"])
        if shape.batch != 1:
            raise ModelError(
                f"the model's input has shape {shape.dims}, a batch of {shape.batch} images, but "
                "must be one image: convert the model again with a batch of 1"
            )
        table = pixel_values(details, declared, given)
        if shape.channels == 1 and table.ndim == 2:  # one value for the mean of the three channels
            means = table.mean(axis=1)
            table = (means if table.dtype == np.float32 else np.rint(means)).astype(table.dtype)
        mode: ColorMode = "L" if shape.channels == 1 else "RGB"
        return cls((shape.width, shape.height), table, mode, shape.channels_first)

    def encode(self, pixels: NDArray[np.uint8]) -> InputTensor:
        """Returns the input tensor for an image.

        Args:
            pixels: The image, uint8 of shape [height, width, channels].

        Returns:
            The tensor, of shape [1, height, width, channels] or [1, channels, height, width].
        """
        values = self._values(pixels)[None]
        if self.channels_first:
            return np.ascontiguousarray(np.moveaxis(values, -1, 1))
        return values

    def _values(self, pixels: NDArray[np.uint8]) -> InputTensor:
        if self.table.ndim == 2:
            return self.table[pixels, np.arange(3)]
        if self.table.dtype == np.uint8 and np.array_equal(self.table, _BYTES):
            return pixels
        return self.table[pixels]
