"""Running a model on one flat input, for one flat output."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...edgetpu.flat_data import FlatData, flat_elements
from ...edgetpu.interpreter import make_interpreter, run_despite_views
from ...edgetpu.runtime import Interpreter, TensorDetails
from ...tflite.file import ModelFile
from ..models import model_errors
from .assignment import assign, release


class Runner:
    """A model on the Edge TPU or on the CPU.

    Attributes:
        device_path: The path of the Edge TPU; "" if there is none.
        input_shape: The shape of the input tensor, int32.
        output_sizes: The number of elements of each output tensor, int32.
        output: The result of the last run: the real values of all output tensors, one after the
            other.
        milliseconds: The duration of the last run.
    """

    def __init__(self, model: ModelFile, device_path: str | None = None) -> None:
        """Opens a model.

        Args:
            model: The model.
            device_path: The path of the Edge TPU to use; None for one that no engine uses.

        Raises:
            RuntimeError: The model or the Edge TPU cannot be used.
        """
        self._assignment = assign(device_path, is_compiled=model.is_compiled)
        try:
            self._interpreter = _open(model, self._assignment.device)
        except BaseException:
            release(self._assignment)
            raise
        self.device_path = self._assignment.path
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise RuntimeError("We don't support multiple input tensors yet!")
        self._input = inputs[0]
        self._outputs = self._interpreter.get_output_details()
        self.input_shape = np.array(self._input["shape"], np.int32)
        self.output_sizes = np.array([_size(output) for output in self._outputs], np.int32)
        self.output = np.zeros(self.output_sizes.sum(), np.float32)
        self.milliseconds = 0.0

    @property
    def input_size(self) -> int:
        """The number of elements of the input tensor."""
        return _size(self._input)

    def run(self, data: FlatData | list[int]) -> NDArray[np.float32]:
        """Runs the model.

        Args:
            data: The elements of the input tensor, and possibly more, which are left out.

        Returns:
            ``output``, a new array each time.

        Raises:
            AssertionError: There are too few elements. It was this error in the old library.
            TypeError, ValueError: The data are of another type.
            RuntimeError: The model or the Edge TPU failed.
        """
        dtype = np.dtype(self._input["dtype"])
        elements = flat_elements(_fitting(data, dtype), dtype)
        if len(elements) < self.input_size:
            raise AssertionError(
                f"the input has {len(elements)} elements, but the model needs {self.input_size}"
            )
        values = elements[: self.input_size].reshape(self._input["shape"])
        started = time.perf_counter()
        run_despite_views(self._interpreter, {self._input["index"]: values})
        self.output = np.concatenate([self._real_values(each) for each in self._outputs])
        self.milliseconds = 1000 * (time.perf_counter() - started)
        return self.output

    def _real_values(self, details: TensorDetails) -> NDArray[np.float32]:
        """Returns the values of an output tensor, dequantized in the old library's arithmetic."""
        values = self._interpreter.get_tensor(details["index"]).ravel()
        scale, zero_point = details["quantization"]
        if not scale:
            return values.astype(np.float32)
        return (values.astype(np.int32) - zero_point).astype(np.float32) * np.float32(scale)


def _open(model: ModelFile, device: str | None) -> Interpreter:
    with model_errors():
        interpreter = make_interpreter(model, device if model.is_compiled else "cpu")
        interpreter.allocate_tensors()
    return interpreter


def _size(details: TensorDetails) -> int:
    return int(np.prod(details["shape"]))


def _fitting(data: Any, dtype: np.dtype[Any]) -> Any:
    """Returns lists and arrays of other integers as an array of the tensor's integers."""
    if isinstance(data, list):
        data = np.array(data)
    if not isinstance(data, np.ndarray) or data.dtype == dtype:
        return data
    if data.dtype.kind not in "iu" or dtype.kind not in "iu":
        return data
    limits = np.iinfo(dtype)
    if data.size and (data.min() < limits.min or data.max() > limits.max):
        raise ValueError(
            f"the input has values from {data.min()} to {data.max()}, but the model takes {dtype}: "
            f"{limits.min} to {limits.max}"
        )
    return data.astype(dtype)
