"""The TFLite runtime in use, and types for the parts of it that this package uses."""

import functools
import importlib
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

RUNTIME_VARIABLE = "CORAL_LEARN_RUNTIME"
"""The environment variable that chooses the runtime if more than one is installed."""

_RUNTIMES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}


class QuantizationParameters(TypedDict):
    """How the integers of a tensor stand for real values; the arrays are empty for float tensors.

    Real value = scale * (integer - zero point).
    """

    scales: NDArray[np.float32]
    """One scale, or one for each index of the quantized dimension."""

    zero_points: NDArray[np.int32]
    """One zero point for each scale."""

    quantized_dimension: int


class TensorDetails(TypedDict):
    """The description of a tensor, as both runtimes give it.

    Examples:
        >>> from coral_learn import edgetpu
        >>> interpreter = edgetpu.make_interpreter("extractor.tflite", device="cpu")
        >>> details = interpreter.get_input_details()[0]
        >>> details["index"], details["shape"].tolist()
        (0, [1, 96, 96, 3])
    """

    name: str
    index: int
    shape: NDArray[np.int32]
    shape_signature: NDArray[np.int32]
    """The shape with -1 for each dimension that may change."""

    dtype: type[np.generic]
    quantization: tuple[float, int]
    """Scale and zero point of a tensor with one scale; (0.0, 0) for any other tensor."""

    quantization_parameters: QuantizationParameters
    sparsity_parameters: dict[str, Any]


class Interpreter(Protocol):
    """The methods of the runtimes' ``Interpreter`` that this package uses.

    Examples:
        >>> import numpy as np
        >>> from coral_learn import edgetpu
        >>> interpreter = edgetpu.make_interpreter("extractor.tflite", device="cpu")
        >>> interpreter.allocate_tensors()
        >>> image = interpreter.get_input_details()[0]
        >>> interpreter.set_tensor(image["index"], np.zeros(image["shape"], image["dtype"]))
        >>> interpreter.invoke()
        >>> output = interpreter.get_output_details()[0]
        >>> interpreter.get_tensor(output["index"]).shape
        (1, 1, 1, 256)
        >>> view = interpreter.tensor(output["index"])()  # changes with the next inference
        >>> del view
        >>> interpreter.resize_tensor_input(image["index"], [1, 96, 96, 3])
    """

    def resize_tensor_input(self, input_index: int, tensor_size: list[int]) -> None:
        """Changes the shape of an input tensor, before the tensors are allocated.

        Args:
            input_index: The index of the input tensor.
            tensor_size: The shape.
        """

    def allocate_tensors(self) -> None:
        """Allocates the memory of the tensors; needed once, before the first inference."""

    def invoke(self) -> None:
        """Runs the model on the values of its input tensors, with the GIL released."""

    def get_input_details(self) -> list[TensorDetails]:
        """Describes the input tensors.

        Returns:
            A description of each, in the order of the model's inputs.
        """

    def get_output_details(self) -> list[TensorDetails]:
        """Describes the output tensors.

        Returns:
            A description of each, in the order of the model's outputs.
        """

    def set_tensor(self, tensor_index: int, value: NDArray[Any]) -> None:
        """Copies an array of the tensor's own shape and dtype into the tensor.

        Args:
            tensor_index: The index of the tensor.
            value: The array, of the shape and the dtype of the tensor.
        """

    def get_tensor(self, tensor_index: int) -> NDArray[Any]:
        """Returns a copy of a tensor.

        Args:
            tensor_index: The index of the tensor.
        """

    def tensor(self, tensor_index: int) -> Callable[[], NDArray[Any]]:
        """Returns a function that returns a view of the tensor's memory.

        Args:
            tensor_index: The index of the tensor.
        """


class Delegate(Protocol):
    """An open Edge TPU, as both runtimes represent it; only interpreters look inside.

    Examples:
        >>> from coral_learn import edgetpu
        >>> delegate: edgetpu.Delegate = edgetpu.load_edgetpu_delegate()  # doctest: +SKIP
    """

    def _get_native_delegate_pointer(self) -> int: ...


def runtime_name() -> str:
    """Returns the name and version of the runtime in use: "ai-edge-litert 2.3.0".

    Raises:
        ImportError: No runtime is installed.
        ValueError: CORAL_LEARN_RUNTIME names an unknown runtime.

    Examples:
        >>> from coral_learn import edgetpu
        >>> name, version = edgetpu.runtime_name().split(" ", 1)
        >>> name in ("ai-edge-litert", "tflite-runtime")
        True
    """
    name, module = _runtime()
    package = importlib.import_module(module.__name__.partition(".")[0])
    version = getattr(package, "__version__", None) or _installed_version(name)
    return f"{name} {version or 'of unknown version'}"


def runtime_module() -> ModuleType:
    """Imports the module with the interpreter.

    Returns:
        The module, which has ``Interpreter`` and ``load_delegate``.

    Raises:
        ImportError: No runtime is installed.
        ValueError: CORAL_LEARN_RUNTIME names an unknown runtime.

    Examples:
        >>> from coral_learn import edgetpu
        >>> edgetpu.runtime_module().Interpreter
        <class '...'>
    """
    return _runtime()[1]


def _installed_version(name: str) -> str | None:
    """Returns the version of an installed package; None if it was built without its metadata."""
    from importlib import metadata  # takes longer to import than most of this package

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@functools.cache
def _runtime() -> tuple[str, ModuleType]:
    """Imports the chosen runtime, or else the first that is installed, and returns its name too."""
    chosen = os.environ.get(RUNTIME_VARIABLE)
    if chosen and chosen not in _RUNTIMES:
        raise ValueError(f"{RUNTIME_VARIABLE} is {chosen!r}: use {' or '.join(_RUNTIMES)}")
    reasons = []
    for name in [chosen] if chosen else list(_RUNTIMES):
        try:
            return name, importlib.import_module(_RUNTIMES[name])
        except ImportError as error:  # noqa: PERF203 (two at most)
            reasons.append(f"{name}: {error}")
    raise ImportError(
        "no runtime for .tflite models can be imported: "
        f"`pip install {chosen or 'ai-edge-litert'}` ({'; '.join(reasons)})"
    )
