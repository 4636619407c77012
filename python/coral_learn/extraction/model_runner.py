"""Running one interpreter on input tensors."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..edgetpu.runtime import Interpreter, TensorDetails
from ..embeddings import Embeddings
from ..errors import ModelError
from ..tflite.normalization import Normalization
from .input_format import InputFormat, InputTensor
from .pixel_values import TensorValue

Row = NDArray[TensorValue]
"""A model's output for one photo, of shape [D], in the type of the output tensor."""


@dataclass(frozen=True)
class OutputFormat:
    """The format of a model's output.

    Attributes:
        size: The number of values in a row.
        dtype: The type of the stored values.
        scale: The size of one quantization step in real units; 1.0 for float32.
        zero_point: The stored value that stands for real zero; 0 for float32.
    """

    size: int
    dtype: np.dtype[TensorValue]
    scale: float
    zero_point: int

    @classmethod
    def of_tensor(cls, details: TensorDetails) -> "OutputFormat":
        """Reads the format from an interpreter's description of its output tensor.

        Raises:
            ModelError: The output is not one row of uint8, int8 or float32 values.
        """
        shape = [int(size) for size in details["shape"]]
        size = int(np.prod(shape))
        if size < 1 or max(shape, default=0) != size:
            raise ModelError(
                f"the model's output has shape {shape}, but must be one row of numbers, such as "
                "[1, 1024] or [1, 1, 1, 1024]: use a classifier or an embedding extractor"
            )
        scale, zero_point = details["quantization"]
        dtype = cast("np.dtype[TensorValue]", np.dtype(details["dtype"]))
        output = cls(size, dtype, float(scale) or 1.0, int(zero_point))
        try:  # Embeddings accept no other type
            output.rows(b"")
        except ValueError as error:
            raise ModelError(f"the model's output cannot be used: {error}") from error
        return output

    def rows(self, stored: bytes | bytearray) -> Embeddings:
        """Returns rows from the bytes in which they are stored, one after another."""
        rows = np.frombuffer(stored, self.dtype).reshape(-1, self.size)
        return Embeddings(rows, self.scale, self.zero_point)


class ModelRunner:
    """Runs an interpreter that turns one image into one row, in one thread at a time.

    Attributes:
        input_format: The format of the model's input.
        output_format: The format of the model's output.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        declared: Normalization | None = None,
        given: Normalization | None = None,
    ) -> None:
        """Prepares an interpreter.

        Args:
            interpreter: An interpreter of any model.
            declared: The normalization that the model declares.
            given: The normalization that the user gives.

        Raises:
            ModelError: The model's input is not one image, or its output is not one row.
            EdgeTpuError: The device failed.
        """
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"the model has {len(inputs)} inputs and {len(outputs)} outputs, but must have "
                "one image input and one output: use a classifier or an embedding extractor"
            )
        self.input_format = InputFormat.of_tensor(inputs[0], declared, given)
        self.output_format = OutputFormat.of_tensor(outputs[0])
        self._interpreter = interpreter
        self._input_index, self._output_index = inputs[0]["index"], outputs[0]["index"]

    def run(self, tensor: InputTensor) -> Row:
        """Returns the model's output for an input tensor that ``input_format`` has encoded.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        self._interpreter.set_tensor(self._input_index, tensor)
        self._interpreter.invoke()
        row: Row = self._interpreter.get_tensor(self._output_index).reshape(-1)
        return row
