"""The TFLite schema's object API, which the runtime's own package ships."""

import functools
import importlib
from typing import Any, TypeAlias

ModelT: TypeAlias = Any
"""A whole model as a tree of objects; ``Any``, because the generated schema has no types."""
SubGraphT: TypeAlias = Any
TensorT: TypeAlias = Any
OperatorT: TypeAlias = Any


@functools.cache
def load_schema() -> Any:
    """Returns the module of the generated schema, imported on first use.

    Raises:
        ImportError: ai-edge-litert, which ships the schema, is not installed.
    """
    try:
        return importlib.import_module("ai_edge_litert.schema_py_generated")
    except ImportError as error:
        raise ImportError(
            "reading and writing .tflite models needs the schema that ai-edge-litert ships: "
            "pip install ai-edge-litert"
        ) from error
