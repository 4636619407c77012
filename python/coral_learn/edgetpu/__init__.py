"""Edge TPUs: devices, libedgetpu, and interpreters for models on them or on the CPU."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors; a test compares it with the table below
    from .interpreter import DEVICE_VARIABLE as DEVICE_VARIABLE
    from .interpreter import get_runtime_version as get_runtime_version
    from .interpreter import list_edge_tpus as list_edge_tpus
    from .interpreter import load_edgetpu_delegate as load_edgetpu_delegate
    from .interpreter import make_interpreter as make_interpreter
    from .runtime import RUNTIME_VARIABLE as RUNTIME_VARIABLE
    from .runtime import Interpreter as Interpreter
    from .runtime import runtime_module as runtime_module
    from .runtime import runtime_name as runtime_name

# Lazy, because the probe's process imports this package and must load as little as possible.
__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "interpreter": [
            "DEVICE_VARIABLE",
            "get_runtime_version",
            "list_edge_tpus",
            "load_edgetpu_delegate",
            "make_interpreter",
        ],
        "runtime": ["RUNTIME_VARIABLE", "Interpreter", "runtime_module", "runtime_name"],
    },
)
