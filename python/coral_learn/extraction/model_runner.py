"""One interpreter: pixels in, the model's output out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..edgetpu import Interpreter
from ..embeddings import Embeddings
from ..errors import ModelError
from .input_format import InputFormat

Row = NDArray[np.uint8] | NDArray[np.int8] | NDArray[np.float32]
"""A model's output for one photo, in the output's own type, of shape [D]."""


class ModelRunner:
    """Runs an interpreter of a model with one image in and one row out; for one thread at a time.

    Attributes:
        input_format: How pixels become the model's input.
        output_size: The number of values in a row.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        """Prepares an interpreter.

        Raises:
            ModelError: It has not one image input and one row as output.
            EdgeTpuError: The device failed.
        """
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"the model has {len(inputs)} inputs and {len(outputs)} outputs: "
                "a model with one image input and one output is needed"
            )
        self._interpreter = interpreter
        self._input_index, self._output_index = inputs[0]["index"], outputs[0]["index"]
        self.input_format = InputFormat.of_tensor(inputs[0])
        self.output_size = _row_size(outputs[0])
        self._dtype = np.dtype(outputs[0]["dtype"])
        scale, zero_point = outputs[0]["quantization"]
        self._quantization = (float(scale) or 1.0, int(zero_point))
        self.rows(b"")  # refuses other types now

    def run(self, pixels: NDArray[np.uint8]) -> Row:
        """Returns the output for an RGB image, uint8 [height, width, 3] of the input's size.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        self._interpreter.set_tensor(self._input_index, self.input_format.encode(pixels))
        self._interpreter.invoke()
        row: Row = self._interpreter.get_tensor(self._output_index).reshape(-1)
        return row

    def rows(self, stored: bytes | bytearray) -> Embeddings:
        """Returns the bytes of rows, one after the other, as what they mean."""
        rows = np.frombuffer(stored, self._dtype).reshape(-1, self.output_size)
        try:
            return Embeddings(rows, *self._quantization)
        except ValueError as error:
            raise ModelError(f"the model's output cannot be used: {error}") from error


def _row_size(details: dict[str, Any]) -> int:
    shape = [int(size) for size in details["shape"]]
    size = int(np.prod(shape))
    if size < 1 or max(shape, default=0) != size:
        raise ModelError(
            f"the model's output has shape {shape}: a row of numbers is needed, such as [1, 1024] "
            "or [1, 1, 1, 1024]"
        )
    return size
