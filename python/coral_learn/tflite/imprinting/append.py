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
from .tail import COUNTS_NOTE, ImprintingTail

# Unit vectors of up to 2^16 features need no smaller scale; nor do rows of zeros.
_MIN_WEIGHT_SCALE = 2.0**-16
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
    normalized = _add_symmetric(graph, "imprinting/normalized", shape, embedding.dtype, 1.0)
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
    extractor: ModelFile, tail: ImprintingTail, labels: Sequence[str] | None = None
) -> ModelFile:
    """Makes a classifier from a model whose output is the normalized embedding, [1, 1, 1, D].

    The cosines are stored with a scale of 1/128, as in pycoral's models. A tail without classes
    gets one class with weights of zero, so that the model runs.

    Args:
        extractor: The model; see ``ImprintingModel.extractor``.
        tail: The classes.
        labels: The name of each class, to be stored in the model.
    """
    graph = extractor.graph.copy()
    cosines = _add_convolution(graph, embedding_output(graph), tail)
    logits = _add_multiplication(graph, cosines, tail.logit_scale)
    flat = add_reshape(graph, "imprinting/flat", logits, [1, logits.shape[-1]])
    graph.set_output(add_softmax(graph, "imprinting/probabilities", flat))
    lines = (f"{index} {norm:f}\n" for index, norm in sorted(tail.sum_norms.items()))
    graph.model.description = "".join(lines).encode()
    write_note(graph.model, COUNTS_NOTE, tail.photo_counts)
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


def _add_symmetric(
    graph: Graph, name: str, shape: Sequence[int], dtype: np.dtype[Any], limit: float
) -> Tensor:
    """Adds a tensor for an operator to compute, for real values in [-limit, limit]."""
    quantization = Quantization(dtype, limit / 128, _MIDDLES[dtype]) if dtype != _FLOAT else None
    return graph.add_result(name, shape, dtype, quantization)


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
        values=quantization.quantize(values),
        scale=quantization.scale,
        zero_point=quantization.zero_point,
    )


def _add_convolution(graph: Graph, embedding: Tensor, tail: ImprintingTail) -> Tensor:
    """Adds the CONV_2D and returns the cosines."""
    features, classes = tail.weights.shape
    weights, biases = tail.weights.T.reshape(classes, 1, 1, features), tail.biases
    if classes == 0:
        weights, biases = np.zeros((1, 1, 1, features), np.float32), np.zeros(1, np.float32)
    quantization = embedding.quantization
    stored, stored_biases = None, None
    if quantization is not None:
        stored, stored_biases = _quantize_weights(weights, quantization)
    dtype = _FLOAT if quantization is None else quantization.dtype
    cosines = _add_symmetric(graph, "imprinting/cosines", [1, 1, 1, len(biases)], dtype, 1.0)
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = 1
    graph.add_operator(
        schema.BuiltinOperator.CONV_2D,
        [
            embedding,
            _add_constant(graph, "imprinting/weights", weights, stored),
            _add_constant(graph, "imprinting/biases", biases, stored_biases),
        ],
        [cosines],
        options=options,
        version=3 if dtype == np.int8 else 1,
    )
    return cosines


def _quantize_weights(
    weights: NDArray[np.float32], embedding: Quantization
) -> tuple[Quantization, Quantization]:
    """Returns the quantizations of weights and biases."""
    low, high = float(weights.min()), float(weights.max())
    if embedding.dtype == np.int8:  # the runtimes accept only symmetric weights
        scale = max(high, -low) / 127
        stored = Quantization(embedding.dtype, max(scale, _MIN_WEIGHT_SCALE), 0)
    else:
        stored = Quantization.of_range(embedding.dtype, low, high, _MIN_WEIGHT_SCALE)
    return stored, Quantization(np.dtype(np.int32), embedding.scale * stored.scale, 0)


def _add_multiplication(graph: Graph, cosines: Tensor, scale: float) -> Tensor:
    """Adds the MUL and returns the logits."""
    quantization, dtype = cosines.quantization, cosines.dtype
    stored = quantization and Quantization.of_range(quantization.dtype, 0.0, scale)
    logits = _add_symmetric(graph, "imprinting/logits", cosines.shape, dtype, scale)
    graph.add_operator(
        schema.BuiltinOperator.MUL,
        [cosines, _add_constant(graph, "imprinting/scale", np.array([scale]), stored)],
        [logits],
        options=schema.MulOptionsT(),
        version=2 if dtype == np.int8 else 1,
    )
    return logits
