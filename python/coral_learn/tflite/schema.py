"""The TFLite schema's object API, from the runtime's own package, with every read checked.

The generated code trusts its input: a count or an offset of a broken file sends it far outside, or
around in one place for hours. It reads through one class, ``flatbuffers.table.Table``, so this file
loads a copy of the generated module of its own in which that class checks each step.
"""

import functools
import importlib.util
import types
from typing import Any, TypeAlias

import flatbuffers

from .checked import CheckedTable

ModelT: TypeAlias = Any
"""A whole model as a tree of objects; ``Any``, because the generated schema has no types."""
SubGraphT: TypeAlias = Any
TensorT: TypeAlias = Any
OperatorT: TypeAlias = Any

_SCHEMA = "ai_edge_litert.schema_py_generated"


@functools.cache
def load_schema() -> Any:
    """Returns the module of the generated schema, imported on first use.

    Raises:
        ImportError: ai-edge-litert, which ships the schema, is not installed.
    """
    try:
        spec = importlib.util.find_spec(_SCHEMA)
    except ImportError:
        spec = None
    if spec is None or spec.loader is None:
        raise ImportError(
            "reading and writing .tflite models needs the schema that ai-edge-litert ships: "
            "pip install ai-edge-litert"
        )
    schema = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(schema)
    checked = {**vars(flatbuffers), "table": types.SimpleNamespace(Table=CheckedTable)}
    vars(schema)["flatbuffers"] = types.SimpleNamespace(**checked)
    return schema
