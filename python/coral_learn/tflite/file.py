"""What can be known of a ``.tflite`` file without its schema: its bytes, and who can run it."""

import os
from pathlib import Path

from ..errors import ModelError

ModelSource = str | os.PathLike[str] | bytes | bytearray | memoryview
"""A model: the path of a ``.tflite`` file, or the bytes of one."""

EDGETPU_CUSTOM_OP = b"edgetpu-custom-op"


def read_model_content(model: ModelSource) -> bytes:
    """Returns the bytes of a model.

    Args:
        model: The path of a ``.tflite`` file, or its bytes (returned as they are).

    Raises:
        ModelError: The file cannot be read. pycoral's own tests pin the text.
        TypeError: ``model`` is neither a path nor bytes.
    """
    if isinstance(model, bytes | bytearray | memoryview):
        return bytes(model)
    try:
        return Path(model).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"Failed to open file: {os.fspath(model)} ({reason})") from error


def is_compiled(content: bytes) -> bool:
    """Tells whether a model was compiled for the Edge TPU, and so needs its delegate."""
    return EDGETPU_CUSTOM_OP in content
