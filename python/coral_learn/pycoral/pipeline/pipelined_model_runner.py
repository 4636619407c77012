"""Running the segments of a model on several Edge TPUs at the same time."""

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...edgetpu.pipeline import Pipeline
from ...edgetpu.runtime import Interpreter


class PipelinedModelRunner:
    """Runs the segments of a model, each with an interpreter and in a thread of its own.

    While one segment works on a request, the others work on those before and after it. A segment
    takes its input tensors by name from the outputs of the segments before it, or from the inputs
    of the first.

        runner = PipelinedModelRunner([first_interpreter, second_interpreter])
        runner.push({"image": image})
        runner.push({})  # no more
        while (result := runner.pop()) is not None:
            ...
    """

    def __init__(self, interpreters: Sequence[Interpreter]) -> None:
        """Starts a thread for each segment.

        Args:
            interpreters: One for each segment, in order, with their tensors allocated. Nothing else
                may run them as long as the runner exists.

        Raises:
            ValueError: There is no interpreter, or one has an input that no other provides.
        """
        self._pipeline = Pipeline(interpreters)
        self._interpreters = interpreters
        self._inputs = {
            details["name"]: (tuple(map(int, details["shape"])), np.dtype(details["dtype"]))
            for details in interpreters[0].get_input_details()
        }
        self._outputs = [details["name"] for details in interpreters[-1].get_output_details()]
        self._lists = False

    def set_input_queue_size(self, size: int) -> None:
        """Sets how many requests may wait for the first segment; unlimited by default.

        :meth:`push` waits while there are as many or more. The size can be changed at any time.

        Raises:
            ValueError: The size is less than 1.
        """
        self._pipeline.requests.set_max_size(_checked_size(size))

    def set_output_queue_size(self, size: int) -> None:
        """Sets how many results may wait for :meth:`pop`; unlimited by default.

        The last segment waits while there are as many or more. The size can be changed at any time.

        Raises:
            ValueError: The size is less than 1.
        """
        self._pipeline.results.set_max_size(_checked_size(size))

    def push(self, input_tensors: Mapping[str, NDArray[Any]] | Sequence[NDArray[Any]]) -> None:
        """Adds a request, and waits before while the input queue is full.

        Args:
            input_tensors: Each input tensor of the first segment by its name, of which a copy is
                made: an array of the tensor's dtype and shape. Dimensions of 1 may be missing, and
                a flat array will do. An empty dictionary says that no more requests follow. As in
                pycoral 1, it may also be a list in the order of the inputs.

        Raises:
            ValueError: A tensor is missing, unknown, or of another dtype or shape.
            RuntimeError: A segment failed, or an empty dictionary was pushed before.
        """
        if not input_tensors:
            self._pipeline.requests.end()
            return
        self._lists = not isinstance(input_tensors, Mapping)
        self._pipeline.requests.put(self._copies(input_tensors))

    def pop(self) -> Any:
        """Waits for the result of the next request, in the order in which they were pushed.

        Returns:
            The output tensors of the last segment by their names, as arrays of the caller's own;
            a list of them if a list was pushed. None, at once, if no result is left and an empty
            dictionary was pushed.

        Raises:
            RuntimeError: A segment failed. Results that were ready before it are returned first.
        """
        result = self._pipeline.results.get()
        if result is None or not self._lists:
            return result
        return [result[name] for name in self._outputs]

    def interpreters(self) -> Sequence[Interpreter]:
        """Returns the interpreters that the runner was made with."""
        return self._interpreters

    def _copies(
        self, tensors: Mapping[str, NDArray[Any]] | Sequence[NDArray[Any]]
    ) -> dict[str, NDArray[Any]]:
        """Checks the input tensors, and returns copies with the shapes that the model has."""
        expected = ", ".join(self._inputs)
        if len(tensors) != len(self._inputs):
            raise ValueError(
                f"Expected input of length {len(self._inputs)} ({expected}), but got {len(tensors)}"
            )
        if not isinstance(tensors, Mapping):
            tensors = dict(zip(self._inputs, tensors, strict=True))
        unknown = [str(name) for name in tensors if name not in self._inputs]
        if unknown:
            raise ValueError(
                f"the model has no input {', '.join(unknown)}: its inputs are {expected}"
            )
        return {name: _copy(name, tensors[name], *self._inputs[name]) for name in self._inputs}


def _checked_size(size: int) -> int:
    if operator.index(size) < 1:
        raise ValueError(f"the size of a queue must be at least 1, not {size}")
    return size


def _copy(name: str, tensor: object, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Checks an input tensor, and returns a copy with the shape that the model has."""
    if not isinstance(tensor, np.ndarray) or tensor.dtype != dtype:
        found = getattr(tensor, "dtype", type(tensor).__name__)
        raise ValueError(
            f"Input should be a list of numpy array of type {dtype}, but {name!r} is {found}"
        )
    same_elements = tensor.ndim == 1 or _without_ones(tensor.shape) == _without_ones(shape)
    if not (same_elements and tensor.size == math.prod(shape)):
        raise ValueError(
            f"input {name!r} has the shape {list(tensor.shape)}, but the model needs {list(shape)}"
        )
    return np.array(tensor, order="C").reshape(shape)


def _without_ones(shape: tuple[int, ...]) -> list[int]:
    return [side for side in shape if side != 1]
