"""Running any model."""

import os

import numpy as np
from numpy.typing import NDArray

from ...edgetpu.flat_data import FlatData
from ..models import open_model
from ..renamed import former_name
from .runner import Runner


class BasicEngine:
    """A model with one input tensor."""

    def __init__(self, model_path: str, device_path: str | None = None) -> None:
        """Opens a model, on the Edge TPU if it was compiled for it, or else on the CPU.

        Args:
            model_path: The path of a ``.tflite`` file.
            device_path: The path of the Edge TPU to use, as ``ListEdgeTpuPaths`` gives it; None for
                one that no other engine uses, or for the only one that there is.

        Raises:
            RuntimeError: The model or the Edge TPU cannot be used.
        """
        self._model_path = os.fspath(model_path)
        model = open_model(self._model_path, f"Could not open '{self._model_path}'.")
        self._runner = Runner(model, device_path)

    def run_inference(
        self, input: FlatData | list[int], size: int | None = None
    ) -> tuple[float, NDArray[np.float32]]:
        """Runs the model.

        Args:
            input: All elements of the input tensor, and possibly more, which are left out: a list,
                an array, bytes, a tuple of a ``ctypes.c_void_p`` and the number of elements, or
                GStreamer's ``Gst.Buffer``.
            size: The number of elements that the model is expected to need; None for no check.

        Returns:
            The duration in milliseconds, and the real values of all output tensors, one after the
            other, in an array that the next run does not change.

        Raises:
            AssertionError: There are too few elements, or the model does not need ``size``.
            TypeError, ValueError: The input is of another type.
            RuntimeError: The model or the Edge TPU failed.
        """
        expected = self.required_input_array_size()
        if size and size != expected:
            raise AssertionError(f"Wrong input size={size}, expected={expected}.")
        output = self._runner.run(input)
        return self._runner.milliseconds, output

    def get_input_tensor_shape(self) -> NDArray[np.int32]:
        """Returns the shape of the input tensor, [1, height, width, channels] for an image."""
        return self._runner.input_shape.copy()

    def get_all_output_tensors_sizes(self) -> NDArray[np.int32]:
        """Returns the number of elements of each output tensor."""
        return self._runner.output_sizes.copy()

    def get_num_of_output_tensors(self) -> int:
        """Returns the number of output tensors."""
        return len(self._runner.output_sizes)

    def get_output_tensor_size(self, index: int) -> int:
        """Returns the number of elements of an output tensor.

        Raises:
            RuntimeError: There is no such tensor.
        """
        if index < 0:
            raise RuntimeError("tensor_index must >= 0!")
        if index >= self.get_num_of_output_tensors():
            raise RuntimeError("tensor_index doesn't exist!")
        return int(self._runner.output_sizes[index])

    def total_output_array_size(self) -> int:
        """Returns the number of elements of all output tensors together."""
        return int(self._runner.output_sizes.sum())

    def required_input_array_size(self) -> int:
        """Returns the number of elements of the input tensor."""
        return self._runner.input_size

    def get_inference_time(self) -> float:
        """Returns the duration of the last run in milliseconds."""
        return self._runner.milliseconds

    def get_raw_output(self) -> NDArray[np.float32]:
        """Returns the output of the last run, as :meth:`run_inference` did; zeros before that."""
        return self._runner.output

    def model_path(self) -> str:
        """Returns the path of the model."""
        return self._model_path

    def device_path(self) -> str:
        """Returns the path of the Edge TPU that this engine was given; "" if there is none.

        An engine is given one even if its model runs on the CPU.
        """
        return self._runner.device_path

    RunInference = former_name("run_inference")
