"""The format of a model's input: the shape of the image, and the value of each pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..edgetpu.runtime import TensorDetails
from ..errors import ModelError
from ..tflite.normalization import Normalization
from .pixel_values import TensorValue, pixel_values

InputTensor = NDArray[TensorValue]
"""A model's input for one photo, of shape [1, height, width, 3]."""

_BYTES = np.arange(256)


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
            ModelError: The input is not one RGB image of uint8, int8 or float32.
        """
        shape = [int(size) for size in details["shape"]]
        if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or min(shape) < 1:
            raise ModelError(
                f"the model's input has shape {shape}, but must be one RGB image, "
                "[1, height, width, 3]: use a model for images"
            )
        return cls((shape[2], shape[1]), pixel_values(details, declared, given))

    def encode(self, pixels: NDArray[np.uint8]) -> InputTensor:
        """Returns the input tensor for an RGB image.

        Args:
            pixels: The image, uint8 of shape [height, width, 3].

        Returns:
            The tensor, of shape [1, height, width, 3].
        """
        if self.table.ndim == 2:
            return self.table[pixels, np.arange(3)][None]
        if self.table.dtype == np.uint8 and np.array_equal(self.table, _BYTES):
            return pixels[None]
        return self.table[pixels][None]
