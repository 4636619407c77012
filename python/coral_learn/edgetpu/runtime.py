"""The TFLite runtime: which one is installed, and what this package uses of its interpreter."""

import functools
import importlib
import importlib.metadata
import os
from types import ModuleType
from typing import Any, Protocol

RUNTIME_VARIABLE = "CORAL_LEARN_RUNTIME"
"""The environment variable that chooses the runtime, where more than one is installed."""

_RUNTIMES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}


class Interpreter(Protocol):
    """What this package uses of the ``Interpreter`` that both runtimes have."""

    def allocate_tensors(self) -> None:
        """Plans the memory; needed once, before the first inference."""

    def invoke(self) -> None:
        """Runs the model on what its input tensors hold, with the GIL released."""

    def get_input_details(self) -> list[dict[str, Any]]:
        """Describes the inputs: index, name, shape, dtype, quantization_parameters."""

    def get_output_details(self) -> list[dict[str, Any]]:
        """Describes the outputs, as :meth:`get_input_details` does the inputs."""

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        """Copies an array of the tensor's own shape and dtype into it."""

    def get_tensor(self, tensor_index: int) -> Any:
        """Returns a copy of a tensor."""

    def tensor(self, tensor_index: int) -> Any:
        """Returns a function that gives a view of a tensor's memory."""


def runtime_name() -> str:
    """Returns the name and version of the runtime in use, such as "ai-edge-litert 2.3.0".

    Raises:
        ImportError: No runtime is installed.
        ValueError: CORAL_LEARN_RUNTIME names an unknown one.
    """
    name, _ = _runtime()
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:  # built and installed without its metadata
        return f"{name} of unknown version"


def runtime_module() -> ModuleType:
    """Imports the module with the interpreter.

    Raises:
        ImportError: No runtime is installed.
        ValueError: CORAL_LEARN_RUNTIME names an unknown one.
    """
    return _runtime()[1]


@functools.cache
def _runtime() -> tuple[str, ModuleType]:
    """Imports the chosen runtime, or the first that is installed; returns it with its name."""
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
