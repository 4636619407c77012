"""Edge TPUs: devices, libedgetpu, and interpreters for models on them or on the CPU.

The names below load on first use, because the probe's process imports this package and must load as
little as possible.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors; tests/test_lazy.py compares it with the table
    from .delegate import load_edgetpu_delegate as load_edgetpu_delegate
    from .devices import DEVICE_VARIABLE as DEVICE_VARIABLE
    from .devices import list_edge_tpus as list_edge_tpus
    from .diagnosis import Diagnosis as Diagnosis
    from .diagnosis import ModelNeeds as ModelNeeds
    from .interpreter import make_interpreter as make_interpreter
    from .library import Device as Device
    from .library import get_runtime_version as get_runtime_version
    from .problem import Problem as Problem
    from .runtime import RUNTIME_VARIABLE as RUNTIME_VARIABLE
    from .runtime import Delegate as Delegate
    from .runtime import Interpreter as Interpreter
    from .runtime import TensorDetails as TensorDetails
    from .runtime import runtime_module as runtime_module
    from .runtime import runtime_name as runtime_name

_NAMES_IN: dict[str, list[str]] = {
    "delegate": ["load_edgetpu_delegate"],
    "devices": ["DEVICE_VARIABLE", "list_edge_tpus"],
    "diagnosis": ["Diagnosis", "ModelNeeds"],
    "interpreter": ["make_interpreter"],
    "library": ["Device", "get_runtime_version"],
    "problem": ["Problem"],
    "runtime": [
        "RUNTIME_VARIABLE",
        "Delegate",
        "Interpreter",
        "TensorDetails",
        "runtime_module",
        "runtime_name",
    ],
}
__all__ = [name for names in _NAMES_IN.values() for name in names]


def __getattr__(name: str) -> Any:
    from ..lazy import load

    return load(__name__, _NAMES_IN, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
