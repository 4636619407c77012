"""A ``.tflite`` file that is opened once, and every question about it as a whole."""

import os
import struct
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, Union

from ..errors import ModelError
from .checked import CheckedBuffer, CheckedTable

ModelSource: TypeAlias = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, "ModelFile"]
"""A model: the path of a ``.tflite`` file, the bytes of one, or one that is open already."""

EDGETPU_CUSTOM_OP = b"edgetpu-custom-op"
"""The operator of a model that was compiled for the Edge TPU."""

_OPERATOR_CODES, _CUSTOM_CODE = 6, 6  # vtable offsets, by TFLite's schema.fbs


class ModelFile:
    """A ``.tflite`` file, read once and parsed at most once.

    Attributes:
        content: The bytes of the file.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content

    @classmethod
    def open(cls, source: ModelSource) -> "ModelFile":
        """Opens a model.

        Args:
            source: The path of a ``.tflite`` file, its bytes, or a ModelFile, which is returned.

        Raises:
            ModelError: The file cannot be read. pycoral's own tests pin the text.
            TypeError: ``source`` is neither a path nor bytes.
        """
        if isinstance(source, ModelFile):
            return source
        if isinstance(source, bytes | bytearray | memoryview):
            return cls(bytes(source))
        try:
            return cls(Path(source).read_bytes())
        except (OSError, ValueError) as error:  # ValueError: a path with a null character
            reason = getattr(error, "strerror", None) or error
            raise ModelError(f"Failed to open file: {os.fspath(source)} ({reason})") from error

    def check(self) -> None:
        """Parses the model, unless the TFLite schema is not installed.

        Raises:
            ModelError: The file is not a .tflite model, or is a broken one.
        """
        with suppress(ImportError):  # the schema comes with ai-edge-litert
            _ = self.tree

    @cached_property
    def tree(self) -> Any:
        """The model as a tree of objects, checked."""
        from .model import unpack

        return unpack(self.content)

    @cached_property
    def is_compiled(self) -> bool:
        """Whether the model was compiled for the Edge TPU, and so needs its delegate."""
        try:
            buffer = CheckedBuffer(self.content)
            model = CheckedTable(buffer, struct.unpack_from("<I", buffer.content)[0])
            offset = model.Offset(_OPERATOR_CODES)
            start, count = (model.Vector(offset), model.VectorLen(offset)) if offset else (0, 0)
            codes = [CheckedTable(buffer, model.Indirect(start + 4 * i)) for i in range(count)]
            custom = [(code, code.Offset(_CUSTOM_CODE)) for code in codes]
            return any(
                code.String(code.Pos + name) == EDGETPU_CUSTOM_OP for code, name in custom if name
            )
        except (ModelError, struct.error, IndexError):
            return False

    @property
    def is_classifier(self) -> bool:
        """Whether the model ends in a linear layer and a softmax, and so is no extractor."""
        from .cut import is_classifier

        return is_classifier(self)

    @cached_property
    def labels(self) -> list[str] | None:
        """The class names that the model carries, or None."""
        from .metadata import labels_of

        return labels_of(self.tree, self.content)

    @cached_property
    def normalization(self) -> tuple[list[float], list[float]] | None:
        """Mean and standard deviation that the metadata declare for the input, or None."""
        from .metadata import read_normalization

        return read_normalization(self)


def read_model_content(model: ModelSource) -> bytes:
    """Returns the bytes of a model."""
    return ModelFile.open(model).content


def is_compiled(content: bytes) -> bool:
    """Tells whether a model was compiled for the Edge TPU."""
    return ModelFile(content).is_compiled
