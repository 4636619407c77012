"""Reading an imprinting model: its extractor and its classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from .. import schema
from ..file import ModelFile
from ..graph import Graph
from ..linear_layer import real_constant
from ..metadata import EMBEDDING
from ..nodes import Operator, Tensor
from ..notes import read_note, write_note
from ..pruning import prune
from .kept_head import read_kept_head
from .tail import (
    COUNTS_NOTE,
    NO_CLASSES_NOTE,
    TAIL,
    WEIGHTS_NAME,
    ImprintingModel,
    ImprintingTail,
    KeptScores,
)

_MAX_SUM_NORM = 2.0**50  # larger than any sum of photo embeddings


def has_imprinting_tail(model: ModelFile) -> bool:
    """Tells whether a model ends like an imprinting model."""
    names = _operator_names(model.graph)
    return names[-4:] == TAIL and "L2_NORMALIZATION" in names[-6:]


def read_imprinting_model(model: ModelFile) -> ImprintingModel:
    """Splits an imprinting model into its extractor and its classes.

    Raises:
        ModelError: The model has another tail. The texts are pycoral's.
    """
    graph = model.graph
    normalization = _find_normalization(graph)
    normalized = _normalized_embedding(normalization)
    kept = read_kept_head(graph, normalization)
    tail = _read_tail(graph, normalized, 0 if kept is None else len(kept[0].biases))
    if kept is None:
        return ImprintingModel(_cut(graph, normalized), normalized.quantization, tail, None)
    head, embedding = kept
    source = graph.operators[-4].inputs[0]
    assert source is not None  # CONV_2D has three inputs
    return ImprintingModel(_cut(graph, source), embedding.quantization, tail, head)


def _cut(graph: Graph, output: Tensor) -> ModelFile:
    """Returns the model up to a tensor."""
    cut = graph.copy()
    write_note(cut.model, COUNTS_NOTE, None)
    write_note(cut.model, NO_CLASSES_NOTE, None)
    cut.model.description = b""
    return ModelFile.of_graph(prune(cut, cut.tensors[output.index]), output_name=EMBEDDING)


def _normalized_embedding(normalization: Operator) -> Tensor:
    """Returns the output of L2_NORMALIZATION."""
    if len(normalization.outputs) != 1:
        raise ModelError(f"L2_NORMALIZATION has {len(normalization.outputs)} outputs, not one")
    embedding = normalization.outputs[0]
    if embedding.shape[:-1] != (1, 1, 1):
        raise ModelError(
            "Embedding extractor's output tensor should be [1, 1, 1, x], "
            f"not {list(embedding.shape)}"
        )
    return embedding


def _find_normalization(graph: Graph) -> Operator:
    names = _operator_names(graph)
    if "L2_NORMALIZATION" not in names:
        raise ModelError(
            "Unsupported model architecture. Input model must have an L2Norm layer. "
            "coral_learn.create_imprinting_model makes such a model from any image model."
        )
    if names[-4:] != TAIL:
        raise ModelError(
            "The last 4 operators must be Conv2d, Mul, Reshape, Softmax, "
            f"not {', '.join(names[-4:])}"
        )
    number = len(names) - 1 - names[::-1].index("L2_NORMALIZATION")
    if names[number + 1 : -4] not in ([], ["QUANTIZE"]):
        raise ModelError(
            "Unsupported model architecture. L2Norm operator must be followed with the last "
            "Conv2d operator."
        )
    return graph.operators[number]


def _read_tail(graph: Graph, embedding: Tensor, kept_logits: int) -> ImprintingTail:
    convolution, multiplication, _, softmax = graph.operators[-4:]
    if graph.outputs != softmax.outputs:
        raise ModelError("Graph must have output from Softmax")
    if len(convolution.inputs) != 3 or len(multiplication.inputs) != 2:
        raise ModelError("CONV_2D must have weights and biases, and MUL a factor")
    weights = real_constant(graph, convolution.inputs[1])
    if weights.shape[1:] != (1, 1, embedding.shape[-1]):
        raise ModelError(
            f"CONV_2D has weights of the shape {list(weights.shape)}, "
            f"not [C, 1, 1, {embedding.shape[-1]}]"
        )
    biases = real_constant(graph, convolution.inputs[2])
    if biases.shape != weights.shape[:1]:
        raise ModelError(
            f"CONV_2D has biases of the shape {list(biases.shape)}, not [{len(weights)}]"
        )
    factor = real_constant(graph, multiplication.inputs[1])
    if factor.size != 1 or not factor > 0:
        raise ModelError("MUL must multiply the cosines by one positive number")
    sum_norms = _parse_sum_norms(graph.model.description, len(weights))
    if _is_placeholder(graph, convolution.inputs[1], weights, sum_norms):
        weights = weights[:0]
    classes = len(weights)
    scores = convolution.outputs[0].quantization if kept_logits else None
    of_logits = weights[:, 0, 0, :kept_logits]
    return ImprintingTail(
        weights[:, 0, 0].T,
        biases[:classes],
        float(factor.item()),
        sum_norms,
        _read_photo_counts(graph.model, classes, sum_norms),
        KeptScores(scores, float(of_logits.max())) if scores and of_logits.any() else None,
    )


def _is_placeholder(
    graph: Graph, tensor: Tensor | None, weights: NDArray[Any], sum_norms: Mapping[int, float]
) -> bool:
    """Tells whether the one class of a model stands for no class, because CONV_2D needs one.

    The model says so in a note. Before there was this note, such a model had a class of zeros, and
    none of the notes that a model with classes has.
    """
    if len(weights) != 1:
        return False
    if read_note(graph.model, NO_CLASSES_NOTE, np.uint8, 1) is not None:
        return True
    is_ours = tensor is not None and tensor.name == WEIGHTS_NAME
    has_notes = bool(sum_norms) or read_note(graph.model, COUNTS_NOTE, np.int32, 1) is not None
    return is_ours and not has_notes and not weights.any()


def _operator_names(graph: Graph) -> list[str]:
    return [operator.name for operator in graph.operators]


def _parse_sum_norms(description: bytes | None, classes: int) -> dict[int, float]:
    """Reads lines of class and norm; returns nothing for a description of another form."""
    lines = (description or b"").decode("utf-8", "replace").splitlines()
    try:
        norms = {int(index): float(norm) for index, norm in map(str.split, lines)}
    except ValueError:
        return {}
    return {
        index: norm
        for index, norm in norms.items()
        if 0 <= index < classes and 0 <= norm <= _MAX_SUM_NORM
    }


def _read_photo_counts(
    model: schema.ModelT, classes: int, sum_norms: Mapping[int, float]
) -> NDArray[np.int32] | None:
    counts = read_note(model, COUNTS_NOTE, np.int32, 1)
    if counts is None or len(counts) != classes:
        return None
    photos = [(index in sum_norms, int(count)) for index, count in enumerate(counts)]
    is_possible = all(count > 0 if imprinted else count == 0 for imprinted, count in photos)
    return counts if is_possible else None
