"""A model as a tree of the schema's objects: unpacked from a file, copied, packed into a file."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeVar

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from . import schema
from .checked import CheckedBuffer
from .validation import validate

_IDENTIFIER = b"TFL3"
_BYTE_ALIGNMENT = 16  # of buffers; runtimes map weights in place and read them with wide loads

_OTHER_FORMATS = {  # the first bytes of files that people mistake for models
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"\x89HDF": "a Keras .h5 file",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"<": "a web page",
    b"version https://git-lfs": "a Git LFS pointer",
}

_Node = TypeVar("_Node")


def unpack(content: bytes, name: str = "the model") -> schema.ModelT:
    """Reads a model file into a tree.

    Vectors that the file leaves out are empty in the tree, and buffers and options that the file
    keeps outside the flatbuffer are inline. Arrays in the tree are read-only views of ``content``:
    replace them, never write into them.

    Args:
        content: The bytes of the file.
        name: The name of the file in errors.

    Raises:
        ModelError: ``content`` is not a .tflite model, or is damaged.
    """
    if content[4:8] != _IDENTIFIER:
        raise ModelError(
            f"{name} is not a TensorFlow Lite model: {_describe(content)}. Give a .tflite file."
        )
    buffer = CheckedBuffer(content)
    try:
        model = schema.ModelT.InitFromBuf(buffer, struct.unpack_from("<I", content)[0])
        _fill_missing_vectors(model)
        _bring_inline(model, buffer)
        validate(model)
    except (ValueError, TypeError, struct.error) as error:
        reason = "it ends too early" if isinstance(error, struct.error) else error
        raise ModelError(f"{name} is a damaged TensorFlow Lite model: {reason}") from error
    return model


def pack(model: schema.ModelT) -> bytes:
    """Writes a tree as a model file, with every buffer inline and aligned to 16 bytes."""
    size = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    builder = _AlignedBuilder(size + size // 8 + 4096)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(memoryview(builder.Bytes)[builder.Head() :])


def copy(node: _Node) -> _Node:
    """Returns a copy of a tree that can be changed; the arrays, which never change, are shared."""
    if isinstance(node, list):
        return [copy(item) for item in node]  # type: ignore[return-value]
    if isinstance(node, np.ndarray) or not hasattr(node, "__dict__"):
        return node
    twin: _Node = object.__new__(type(node))
    vars(twin).update({name: copy(value) for name, value in vars(node).items()})
    return twin


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """A builder that honours the schema's ``force_align: 16``, which the generated code ignores."""

    def StartVector(self, size: int, count: int, alignment: int) -> object:  # noqa: N802
        return super().StartVector(size, count, _BYTE_ALIGNMENT if size == 1 else alignment)


def _describe(content: bytes) -> str:
    """Describes a file that is not a model."""
    if not content:
        return "the file is empty"
    for start, format_name in _OTHER_FORMATS.items():
        if content.startswith(start):
            return f"it looks like {format_name}"
    return "it is a file of another kind, or a download that was cut short"


def _fill_missing_vectors(model: schema.ModelT) -> None:
    _fill(model, "operatorCodes", "subgraphs", "buffers", "metadata", "signatureDefs", new=list)
    for graph in model.subgraphs:
        _fill(graph, "tensors", "operators", new=list)
        _fill(graph, "inputs", "outputs", new=_no_indices)
        for operator in graph.operators:
            _fill(operator, "inputs", "outputs", "intermediates", new=_no_indices)
        for tensor in graph.tensors:
            _fill(tensor, "shape", new=_no_indices)
    for signature in model.signatureDefs:
        _fill(signature, "inputs", "outputs", new=list)


def _fill(node: object, *fields: str, new: Callable[[], object]) -> None:
    for field in fields:
        if getattr(node, field) is None:
            setattr(node, field, new())


def _no_indices() -> NDArray[np.int32]:
    return np.zeros(0, np.int32)


def _bring_inline(model: schema.ModelT, file: CheckedBuffer) -> None:
    for buffer in model.buffers:
        if buffer.data is None and buffer.size > 1:  # 0 and 1 mean that there is no data
            buffer.data = _read_span(file, buffer.offset, buffer.size)
        buffer.offset = buffer.size = 0
    for operator in (operator for graph in model.subgraphs for operator in graph.operators):
        if operator.customOptions is None and operator.largeCustomOptionsSize > 1:
            operator.customOptions = _read_span(
                file, operator.largeCustomOptionsOffset, operator.largeCustomOptionsSize
            )
        operator.largeCustomOptionsOffset = operator.largeCustomOptionsSize = 0


def _read_span(file: CheckedBuffer, offset: int, size: int) -> NDArray[np.uint8]:
    file.spend_bytes(offset, size)
    return np.frombuffer(file.content, np.uint8, size, offset)
