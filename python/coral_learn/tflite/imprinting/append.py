"""Appending the tail of an imprinting model: the normalization and the classes.

The tail is always written completely, in the form of pycoral's models, so that pycoral's own engine
can read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import schema
from ..embedding import embedding_output
from ..file import ModelFile
from ..graph import Graph
from ..layers import add_dequantize, add_quantize, add_reshape, add_softmax
from ..metadata import EMBEDDING
from ..nodes import Tensor
from ..notes import write_note
from ..quantization import Quantization
from .tail import COUNTS_NOTE, NO_CLASSES_NOTE, WEIGHTS_NAME, ImprintingTail, KeptScores

# Unit vectors of up to 2^16 features need no smaller scale; nor do rows of zeros.
_MIN_WEIGHT_SCALE = 2.0**-16
# The smallest range of logits in which an imprinted class can be told from kept classes.
_MIN_LOGIT_RANGE = 16.0
_CLASSES_AT_ONCE = 64
_ROUNDING_ROOM = 1 - 2.0**-8  # for the zero point, which is a whole number
_FLOAT: np.dtype[Any] = np.dtype(np.float32)
_MIDDLES: dict[np.dtype[Any], int] = {np.dtype(np.uint8): 128, np.dtype(np.int8): 0}


def append_normalization(extractor: ModelFile) -> ModelFile:
    """Makes the normalized embedding [1, 1, 1, D] the output of an embedding extractor.

    The output has the type of the model's input, as does the output of a tail after it.

    Raises:
        ModelError: The model's output is not one embedding.
    """
    graph = extractor.graph.copy()
    embedding = _match_input_type(graph, embedding_output(graph))
    shape = [1, 1, 1, embedding.shape[-1]]
    if len(embedding.shape) != 4:
        embedding = add_reshape(graph, "imprinting/embedding", embedding, shape)
    unit = _symmetric(embedding.dtype, 1.0)
    normalized = graph.add_result("imprinting/normalized", shape, embedding.dtype, unit)
    graph.add_operator(
        schema.BuiltinOperator.L2_NORMALIZATION,
        [embedding],
        [normalized],
        options=schema.L2NormOptionsT(),
        version=2 if embedding.dtype == np.int8 else 1,
    )
    graph.set_output(normalized)
    return ModelFile.of_graph(graph, output_name=EMBEDDING)


def append_imprinting_tail(
    body: ModelFile, tail: ImprintingTail, labels: Sequence[str] | None = None
) -> ModelFile:
    """Makes a classifier from a model whose output is what CONV_2D reads, [1, 1, 1, F].

    The cosines are stored with a scale of 1/128, as in pycoral's models, unless there is a kept
    head. A tail without classes gets one class with weights of zero, so that the model runs, and a
    note that says so.

    Args:
        body: The model; see ``ImprintingModel.body``.
        tail: The classes.
        labels: The name of each class, to be stored in the model.
    """
    graph = body.graph.copy()
    cosines = _add_convolution(graph, embedding_output(graph), tail)
    logits = _add_multiplication(graph, cosines, tail.logit_scale)
    flat = add_reshape(graph, "imprinting/flat", logits, [1, logits.shape[-1]])
    graph.set_output(add_softmax(graph, "imprinting/probabilities", flat))
    lines = (f"{index} {norm:f}\n" for index, norm in sorted(tail.sum_norms.items()))
    graph.model.description = "".join(lines).encode()
    write_note(graph.model, COUNTS_NOTE, tail.photo_counts)
    is_empty = tail.weights.shape[1] == 0
    write_note(graph.model, NO_CLASSES_NOTE, np.ones(1, np.uint8) if is_empty else None)
    return ModelFile.of_graph(graph, labels)


def _match_input_type(graph: Graph, embedding: Tensor) -> Tensor:
    """Converts a quantized embedding to the type of the model's input."""
    quantization = embedding.quantization
    types = {tensor.dtype for tensor in graph.inputs}
    if quantization is None or len(types) != 1 or quantization.dtype in types:
        return embedding
    (dtype,) = types
    if dtype == np.float32:
        return add_dequantize(graph, "imprinting/real", embedding)
    if dtype not in _MIDDLES:
        return embedding
    zero_point = quantization.zero_point + _MIDDLES[dtype] - _MIDDLES[quantization.dtype]
    converted = Quantization(dtype, quantization.scale, zero_point)
    return add_quantize(graph, "imprinting/quantized", embedding, converted)


def _symmetric(dtype: np.dtype[Any], limit: float) -> Quantization | None:
    """Returns the quantization of real values in [-limit, limit]; None for float32."""
    return Quantization(dtype, limit / 128, _MIDDLES[dtype]) if dtype != _FLOAT else None


def _add_constant(
    graph: Graph, name: str, values: NDArray[Any], quantization: Quantization | None
) -> Tensor:
    """Adds a constant tensor of real values."""
    if quantization is None:
        return graph.add_tensor(name, values.shape, np.float32, values=values)
    return graph.add_tensor(
        name,
        values.shape,
        quantization.dtype,
        values=np.concatenate([quantization.quantize(part) for part in _blocks(values)]),
        scale=quantization.scale,
        zero_point=quantization.zero_point,
    )


def _blocks(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Splits the weights of many classes, because rounding takes much memory."""
    return np.array_split(values, -(-len(values) // _CLASSES_AT_ONCE))


def _add_convolution(graph: Graph, embedding: Tensor, tail: ImprintingTail) -> Tensor:
    """Adds the CONV_2D and returns the cosines."""
    features, classes = tail.weights.shape
    weights, biases = tail.weights.T.reshape(classes, 1, 1, features), tail.biases
    if classes == 0:
        weights, biases = np.zeros((1, 1, 1, features), np.float32), np.zeros(1, np.float32)
    quantization = embedding.quantization
    stored, stored_biases = None, None
    if quantization is not None:
        stored, stored_biases = _quantize_weights(weights, quantization, tail.kept)
    dtype = _FLOAT if quantization is None else quantization.dtype
    scores = _score_quantization(tail) if tail.kept else _symmetric(dtype, 1.0)
    cosines = graph.add_result("imprinting/cosines", [1, 1, 1, len(biases)], dtype, scores)
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = 1
    graph.add_operator(
        schema.BuiltinOperator.CONV_2D,
        [
            embedding,
            _add_constant(graph, WEIGHTS_NAME, weights, stored),
            _add_constant(graph, "imprinting/biases", biases, stored_biases),
        ],
        [cosines],
        options=options,
        version=3 if dtype == np.int8 else 1,
    )
    return cosines


def _score_quantization(tail: ImprintingTail) -> Quantization:
    """Returns how the scores of a model with a kept head are stored."""
    assert tail.kept is not None
    scores = tail.kept.quantization
    missing = _MIN_LOGIT_RANGE / tail.logit_scale - (scores.high - scores.low)
    if not tail.sum_norms or missing <= 0:
        return scores
    return Quantization.of_range(scores.dtype, scores.low - missing / 2, scores.high + missing / 2)


def _quantize_weights(
    weights: NDArray[np.float32], embedding: Quantization, kept: KeptScores | None
) -> tuple[Quantization, Quantization]:
    """Returns the quantizations of weights and biases."""
    low, high = float(weights.min()), float(weights.max())
    if embedding.dtype == np.int8:  # the runtimes accept only symmetric weights
        low = min(low, -high)
        scale = -low / 127
        stored = Quantization(embedding.dtype, max(scale, _MIN_WEIGHT_SCALE), 0)
    else:
        stored = Quantization.of_range(embedding.dtype, low, high, _MIN_WEIGHT_SCALE)
    if kept is not None:  # so that the logits of kept classes stay as they are
        steps = max(1, int(kept.weight / stored.scale * _ROUNDING_ROOM))
        stored = Quantization(embedding.dtype, kept.weight / steps, stored.zero_point)
    return stored, Quantization(np.dtype(np.int32), embedding.scale * stored.scale, 0)


def _add_multiplication(graph: Graph, cosines: Tensor, scale: float) -> Tensor:
    """Adds the MUL and returns the logits."""
    quantization, dtype = cosines.quantization, cosines.dtype
    stored = quantization and Quantization.of_range(quantization.dtype, 0.0, scale)
    of_logits = quantization and Quantization(
        dtype, quantization.scale * scale, quantization.zero_point
    )
    logits = graph.add_result("imprinting/logits", cosines.shape, dtype, of_logits)
    graph.add_operator(
        schema.BuiltinOperator.MUL,
        [cosines, _add_constant(graph, "imprinting/scale", np.array([scale]), stored)],
        [logits],
        options=schema.MulOptionsT(),
        version=2 if dtype == np.int8 else 1,
    )
    return logits
