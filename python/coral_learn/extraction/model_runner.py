"""Running one interpreter on input tensors."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ..edgetpu.runtime import Interpreter, TensorDetails
from ..embeddings import Embeddings
from ..errors import EdgeTpuError, ModelError
from ..tflite.image_shape import ImageShape
from ..tflite.normalization import Normalization
from .input_format import InputFormat, InputTensor
from .pixel_values import TensorValue

Row = NDArray[TensorValue]
"""A model's output for one photo, of shape [D], in the type of the output tensor; the bytes of
both outputs, uint8, of a model that gives the embedding as well."""


class OutputFormat(NamedTuple):
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

    @property
    def num_bytes(self) -> int:
        """The number of bytes of a row."""
        return self.size * self.dtype.itemsize


class ModelRunner:
    """Runs an interpreter that turns one image into one row, in one thread at a time.

    Attributes:
        input_format: The format of the model's input.
        output_format: The format of the model's output.
        embedding_format: The format of the second output, the embedding; None for one output.
        row_type: The type of the values in a row.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        declared: Normalization | None = None,
        input_size: tuple[int, int] | None = None,
        given: Normalization | None = None,
        *,
        with_embedding: bool = False,
    ) -> None:
        """Prepares an interpreter.

        Args:
            interpreter: An interpreter of any model. Its input is resized if it is a batch of
                images, or images of any size.
            declared: The normalization that the model declares.
            input_size: Width and height of the input; None for those of the model, or 224 where it
                has none.
            given: The normalization that the user gives.
            with_embedding: Whether the model has a second output, the embedding.

        Raises:
            ModelError: The model's input is not one image, or its output is not one row.
            EdgeTpuError: The device failed.
            ValueError: The model takes images of another size only.
        """
        if not with_embedding:
            _check_ends(interpreter.get_input_details(), interpreter.get_output_details())
        _allocate_for_one_image(interpreter, input_size)
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.input_format = InputFormat.of_tensor(inputs[0], declared, given)
        self.output_format = OutputFormat.of_tensor(outputs[0])
        self.embedding_format = OutputFormat.of_tensor(outputs[1]) if with_embedding else None
        self.row_type: np.dtype[TensorValue] = (
            np.dtype(np.uint8) if with_embedding else self.output_format.dtype
        )
        self._interpreter = interpreter
        self._input_index = inputs[0]["index"]
        self._output_indices = [each["index"] for each in outputs]

    def run(self, tensor: InputTensor) -> Row:
        """Returns the model's output for an input tensor that ``input_format`` has encoded.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        self._interpreter.set_tensor(self._input_index, tensor)
        self._interpreter.invoke()
        rows = [self._interpreter.get_tensor(index).reshape(-1) for index in self._output_indices]
        if len(rows) == 1:
            return rows[0]
        return np.concatenate([each.view(np.uint8) for each in rows])


def _check_ends(inputs: Sequence[TensorDetails], outputs: Sequence[TensorDetails]) -> None:
    if len(inputs) != 1:
        raise ModelError(
            f"the model has {len(inputs)} inputs ({_described(inputs)}), but must have one, an "
            "image: convert a model that takes the image alone"
        )
    if len(outputs) != 1:
        raise ModelError(
            f"the model has {len(outputs)} outputs ({_described(outputs)}), but must have one: "
            "convert a model with one of them, or cut an embedding extractor from it with "
            "`coral-learn extractor MODEL.tflite --output EXTRACTOR.tflite`"
        )


def _described(tensors: Sequence[TensorDetails]) -> str:
    return " and ".join(
        f"{each['name']} {[int(size) for size in each['shape']]} {np.dtype(each['dtype'])}"
        for each in tensors
    )


def _allocate_for_one_image(interpreter: Interpreter, size: tuple[int, int] | None) -> None:
    """Allocates the tensors, after resizing the input to one image of a fixed size."""
    [details] = interpreter.get_input_details()
    shape = ImageShape.of(details["shape"], details["shape_signature"])
    target = shape.of_one_image(size)
    if target.dims == shape.dims:
        interpreter.allocate_tensors()
        return
    try:
        interpreter.resize_tensor_input(details["index"], target.dims)
        interpreter.allocate_tensors()
    except EdgeTpuError:
        raise
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"the model's input of shape {shape.dims} cannot be resized to {target.dims}: convert "
            f"the model again with this shape ({' '.join(str(error).split())})"
        ) from error
