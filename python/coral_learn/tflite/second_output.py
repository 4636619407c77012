"""A classifier that gives the embedding as well, for the memory only: the file is not rewritten."""

from __future__ import annotations

import struct

from ..errors import ModelError
from .checked import CheckedBuffer, CheckedTable
from .file import ModelFile
from .graph import Graph
from .nodes import EMBEDDING_TYPES, Operator, Tensor

_LINEAR = ("FULLY_CONNECTED", "CONV_2D")
_AFTER = ("SOFTMAX", "DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "MUL")  # what a head may add
_MAX_STEPS = 6
# Offsets in vtables, by TFLite's schema.fbs.
_MODEL_GRAPHS, _GRAPH_OUTPUTS = 8, 8


def with_embedding(model: ModelFile, features: int) -> ModelFile | None:
    """Returns a classifier with a second output, the embedding that its last layer reads.

    Packing a model takes much longer than running it once. Only the list of the outputs changes:
    a new one is put behind the file, where no offset moves.

    Args:
        model: The classifier.
        features: The length of the embedding.

    Returns:
        The changed classifier; None if it has no such embedding.
    """
    try:
        embedding = head_embedding(model.graph)
        if embedding is None or embedding.shape[-1] != features:
            return None
        content = _with_outputs(model.content, [model.graph.outputs[0].index, embedding.index])
    except (ModelError, ImportError, struct.error):  # ImportError: without the schema
        return None
    made = ModelFile(content, model.name)
    made.tree = model.tree  # which has been checked, and need not be parsed again
    return made


def head_embedding(graph: Graph) -> Tensor | None:
    """Returns the embedding that the last layer of a classifier reads, before it is normalized."""
    if len(graph.outputs) != 1:
        return None
    producers = graph.producers
    tensor: Tensor | None = graph.outputs[0]
    for _ in range(_MAX_STEPS):
        operator = None if tensor is None else producers.get(tensor)
        if operator is None or not operator.inputs:
            return None
        tensor = operator.inputs[0]
        if operator.name in _LINEAR:
            break
        if operator.name not in _AFTER:
            return None
    else:
        return None
    tensor = _not_normalized(tensor, producers)
    is_embedding = (
        tensor is not None
        and tensor in producers  # computed, so that it has a value
        and tensor.is_vector
        and tensor.type_name in EMBEDDING_TYPES
    )
    return tensor if is_embedding else None


def _not_normalized(tensor: Tensor | None, producers: dict[Tensor, Operator]) -> Tensor | None:
    """Returns what an imprinted head normalizes, and any other tensor as it is."""
    before = tensor
    for name in ("QUANTIZE", "L2_NORMALIZATION"):
        operator = None if before is None else producers.get(before)
        if operator is not None and operator.name == name:
            before = operator.inputs[0]
            if name == "L2_NORMALIZATION":
                return before
    return tensor


def _with_outputs(content: bytes, outputs: list[int]) -> bytes:
    """Returns the bytes of a model of one graph with another list of outputs."""
    buffer = CheckedBuffer(content)
    model = CheckedTable(buffer, struct.unpack_from("<I", buffer.content)[0])
    graphs = model.Vector(model.Offset(_MODEL_GRAPHS))
    graph = CheckedTable(buffer, model.Indirect(graphs))
    reference = graph.Pos + graph.Offset(_GRAPH_OUTPUTS)
    padding = -len(content) % 4
    offset = struct.pack("<I", len(content) + padding - reference)
    added = struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)
    before, after = buffer.content[:reference], buffer.content[reference + len(offset) :]
    return b"".join([before, offset, after, bytes(padding), added])
