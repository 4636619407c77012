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
    """The description of a tensor, as both runtimes give it."""

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
    """The methods of the runtimes' ``Interpreter`` that this package uses."""

    def resize_tensor_input(self, input_index: int, tensor_size: list[int]) -> None:
        """Changes the shape of an input tensor, before the tensors are allocated."""

    def allocate_tensors(self) -> None:
        """Allocates the memory of the tensors; needed once, before the first inference."""

    def invoke(self) -> None:
        """Runs the model on the values of its input tensors, with the GIL released."""

    def get_input_details(self) -> list[TensorDetails]:
        """Describes the input tensors."""

    def get_output_details(self) -> list[TensorDetails]:
        """Describes the output tensors."""

    def set_tensor(self, tensor_index: int, value: NDArray[Any]) -> None:
        """Copies an array of the tensor's own shape and dtype into the tensor."""

    def get_tensor(self, tensor_index: int) -> NDArray[Any]:
        """Returns a copy of a tensor."""

    def tensor(self, tensor_index: int) -> Callable[[], NDArray[Any]]:
        """Returns a function that returns a view of the tensor's memory."""


class Delegate(Protocol):
    """An open Edge TPU, as both runtimes represent it; only interpreters look inside."""

    def _get_native_delegate_pointer(self) -> int: ...


def runtime_name() -> str:
    """Returns the name and version of the runtime in use: "ai-edge-litert 2.3.0".

    Raises:
        ImportError: No runtime is installed.
        ValueError: CORAL_LEARN_RUNTIME names an unknown runtime.
    """
    name, module = _runtime()
    package = importlib.import_module(module.__name__.partition(".")[0])
    version = getattr(package, "__version__", None) or _installed_version(name)
    return f"{name} {version or 'of unknown version'}"


def runtime_module() -> ModuleType:
    """Imports the module with the interpreter.

    Raises:
        ImportError: No runtime is installed.
        ValueError: CORAL_LEARN_RUNTIME names an unknown runtime.
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
