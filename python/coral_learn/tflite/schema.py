"""The tables of TFLite's schema: the code that ai-edge-litert ships, with every read checked.

The generated module is loaded when one of its names is first used, so that models run without it.
It reads through ``flatbuffers.table.Table``, so this file loads a copy of the module in which
:class:`~coral_learn.tflite.checked.CheckedTable` takes the place of that class. The stub
``schema.pyi`` has the types of the tables that this package uses.
"""

import functools
import importlib.util
import types

import flatbuffers

from .checked import CheckedTable

_MODULE = "ai_edge_litert.schema_py_generated"


def __getattr__(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(name)
    value = getattr(_generated(), name)
    globals()[name] = value
    return value


@functools.cache
def _generated() -> types.ModuleType:
    return load_generated(CheckedTable)


def load_generated(table: type[CheckedTable]) -> types.ModuleType:
    """Loads a copy of the generated module of its own, which reads through a class of tables.

    Raises:
        ImportError: ai-edge-litert, which ships the module, is not installed.
    """
    try:
        spec = importlib.util.find_spec(_MODULE)
    except ImportError:
        spec = None
    if spec is None or spec.loader is None:
        raise ImportError(
            "Reading and writing .tflite models needs the schema that ai-edge-litert ships: "
            "run `pip install ai-edge-litert`"
        )
    generated = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generated)
    checked = {**vars(flatbuffers), "table": types.SimpleNamespace(Table=table)}
    vars(generated)["flatbuffers"] = types.SimpleNamespace(**checked)
    return generated
