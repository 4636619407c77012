"""Appending a softmax regression head to an embedding extractor."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...arrays import BiasVector, EmbeddingMatrix, WeightColumns
from ...embeddings import Embeddings
from ..embedding import embedding_output
from ..file import ModelFile, ModelSource
from ..graph import Graph
from ..input_shape import with_one_image_for_head
from ..layers import add_fully_connected, add_output_conversion, add_reshape, add_softmax
from ..nodes import Tensor
from ..quantization import probability_quantization
from .class_means import note_class_means
from .quantized import QuantizedHead, QuantizedLayer, quantize_head, softmax
from .record import take_recorded_head


@dataclass(frozen=True)
class QuantizationReport:
    """How much a stored head differs from the float head.

    Attributes:
        rows: The number of embeddings that were compared.
        agreement: The fraction of them for which the float head and the stored head give the same
            class, in [0, 1].
        largest_error: The largest difference between the probabilities of the two heads.
    """

    rows: int
    agreement: float
    largest_error: float


def append_softmax_head(
    extractor: ModelSource,
    weights: ArrayLike,
    biases: ArrayLike,
    *,
    calibration: Embeddings | None = None,
    labels: Sequence[str] | None = None,
    per_channel: bool = False,
    class_means: ArrayLike | None = None,
) -> ModelFile:
    """Makes a classifier from an embedding extractor: FULLY_CONNECTED, (RESHAPE), SOFTMAX.

    A quantized extractor gets a quantized head, whose output has the type of the model's input, so
    that a model with int8 inside and uint8 inputs and outputs keeps this form. A head that was cut
    off this extractor and has not changed is stored exactly as it was.

    Args:
        extractor: A model with one output, the embedding, of D features: [1, D], [1, 1, D] or
            [1, 1, 1, D]; uint8, int8 or float32; compiled for the Edge TPU or not.
        weights: The weights, float32 [D, C], finite.
        biases: The biases, float32 [C], finite.
        calibration: Embeddings of this extractor, for which the quantization of the head is
            optimized. Without them, the range of the logits covers everything that the embedding
            tensor could lead to, which is safe but coarse.
        labels: The C class names, to be stored in the model.
        per_channel: Whether the weights of each class have a scale of their own, which is more
            accurate. int8 models only, for runtimes of TensorFlow 2.14 or later.
        class_means: The mean embedding of each class, [C, D], to be stored in the model.

    Returns:
        The classifier, with an output [1, C] of probabilities.

    Raises:
        ModelError: The extractor cannot take a head.
        ValueError: The sizes do not match, or numbers are not finite.
    """
    graph = with_one_image_for_head(ModelFile.open(extractor)).graph.copy()
    embedding = embedding_output(graph)
    weights, biases = _check_head(embedding, weights, biases)
    if labels is not None and len(labels) != len(biases):
        raise ValueError(f"there are {len(labels)} labels for {len(biases)} classes")
    head = _quantize(graph, embedding, weights, biases, calibration, per_channel)
    logits = add_linear_layer(graph, embedding, weights, biases, head)
    if len(embedding.shape) != 2:
        logits = add_reshape(graph, "head/reshaped", logits, [1, len(biases)])
    probabilities = add_softmax(graph, "head/probabilities", logits)
    graph.set_output(add_output_conversion(graph, "head/output", probabilities))
    if class_means is not None:
        note_class_means(graph.model, class_means)
    return ModelFile.of_graph(graph, labels)


def quantization_report(
    extractor: ModelSource,
    weights: ArrayLike,
    biases: ArrayLike,
    embeddings: Embeddings,
    *,
    calibration: Embeddings | None = None,
    per_channel: bool = False,
) -> QuantizationReport:
    """Compares a head with what :func:`append_softmax_head` stores, without running a model.

    Args:
        extractor: As for :func:`append_softmax_head`.
        weights: The weights, float32 [D, C].
        biases: The biases, float32 [C].
        embeddings: At least one embedding of this extractor, [N, D].
        calibration: As for :func:`append_softmax_head`.
        per_channel: As for :func:`append_softmax_head`.

    Raises:
        ModelError: The extractor cannot take a head.
        ValueError: The sizes do not match, or there are no embeddings.
    """
    graph = with_one_image_for_head(ModelFile.open(extractor)).graph.copy()
    embedding = embedding_output(graph)
    weights, biases = _check_head(embedding, weights, biases)
    rows = _check_embeddings(embeddings, len(weights))
    if not len(rows):
        raise ValueError("a quantization report needs embeddings to compare the heads on")
    expected = softmax(rows.astype(np.float64) @ weights + biases)
    head = _quantize(graph, embedding, weights, biases, calibration, per_channel)
    stored = expected
    if head is not None:
        quantized = head.compute(head.layer.embedding.quantize(rows))
        stored = probability_quantization(quantized.dtype).dequantize(quantized)
    return QuantizationReport(
        len(rows),
        float((expected.argmax(axis=1) == stored.argmax(axis=1)).mean()),
        float(np.abs(expected - stored).max()),
    )


def _check_head(
    embedding: Tensor, weights: ArrayLike, biases: ArrayLike
) -> tuple[WeightColumns, BiasVector]:
    with np.errstate(over="ignore"):  # checked below
        weights = np.asarray(weights, np.float32)
        biases = np.asarray(biases, np.float32)
    if weights.ndim != 2 or biases.shape != weights.shape[1:] or not biases.size:
        raise ValueError(
            "weights must be [D, C] and biases [C], "
            f"not {list(weights.shape)} and {list(biases.shape)}"
        )
    if not (np.isfinite(weights).all() and np.isfinite(biases).all()):
        raise ValueError("weights and biases must be finite")
    features = embedding.shape[-1]
    if len(weights) != features:
        raise ValueError(
            f"the head takes {len(weights)} features, but the extractor gives {features}"
        )
    return weights, biases


def _check_embeddings(embeddings: Embeddings, features: int) -> EmbeddingMatrix:
    if embeddings.shape[1] != features:
        raise ValueError(
            f"the embeddings have {embeddings.shape[1]} features, but the head takes {features}"
        )
    return np.asarray(embeddings, np.float32)


def _quantize(
    graph: Graph,
    embedding: Tensor,
    weights: WeightColumns,
    biases: BiasVector,
    calibration: Embeddings | None,
    per_channel: bool,
) -> QuantizedHead | None:
    """Quantizes a head for a model; returns None for a float model.

    Removes the model's note of an earlier head.
    """
    if per_channel and embedding.type_name != "int8":
        raise ValueError(
            f"only int8 models can have weights per channel, not {embedding.type_name}"
        )
    quantization = embedding.quantization
    if quantization is None:
        return None
    rows = None if calibration is None else _check_embeddings(calibration, len(weights))
    recorded = take_recorded_head(graph.model, weights, biases, quantization)
    return recorded or quantize_head(weights, biases, quantization, rows, per_channel=per_channel)


def add_linear_layer(
    graph: Graph,
    embedding: Tensor,
    weights: WeightColumns,
    biases: BiasVector,
    head: QuantizedHead | None,
) -> Tensor:
    """Adds the linear layer, float or quantized, and returns the logits."""
    if head is not None:
        stored_weights, stored_biases = _add_quantized_constants(graph, head.layer)
    else:
        stored_weights = graph.add_tensor(
            "head/weights", weights.T.shape, np.float32, values=weights.T
        )
        stored_biases = graph.add_tensor("head/biases", biases.shape, np.float32, values=biases)
    quantization = None if head is None else head.logits
    return add_fully_connected(
        graph, "head/logits", embedding, stored_weights, stored_biases, quantization
    )


def _add_quantized_constants(graph: Graph, layer: QuantizedLayer) -> tuple[Tensor, Tensor]:
    weights = graph.add_tensor(
        "head/weights",
        layer.weights.T.shape,
        layer.weights.dtype,
        values=layer.weights.T,
        scale=layer.weight_scales,
        zero_point=layer.weight_zero_point,
    )
    biases = graph.add_tensor(
        "head/biases", layer.biases.shape, np.int32, values=layer.biases, scale=layer.bias_scales
    )
    return weights, biases
