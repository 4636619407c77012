"""Appending a softmax regression head to an embedding extractor."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...embeddings import Embeddings
from ..file import ModelFile, ModelSource
from ..layers import add_fully_connected, add_output_conversion, add_reshape, add_softmax
from ..metadata import pack_with_labels
from ..model import (
    add_tensor,
    embedding_index,
    main_subgraph,
    set_output,
    tensor_quantization,
    tensor_shape,
    tensor_type_name,
    unpack,
)
from ..quantization import QuantizedHead, probability_quantization, quantize_head, softmax
from ..schema import ModelT
from .class_means import note_class_means
from .record import take_head_record


@dataclass(frozen=True)
class QuantizationReport:
    """What a head loses when it is stored in a model.

    Attributes:
        rows: How many embeddings were looked at.
        agreement: Fraction of them for which the float head and the stored one say the same class.
        largest_error: Largest difference of a probability between the two.
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
    """Makes a classifier of an embedding extractor: FULLY_CONNECTED, (RESHAPE), SOFTMAX.

    A quantized extractor gets a quantized head. The output then has the type of the image that the
    model takes, so that a model with int8 inside and uint8 outside stays one. A head that was cut
    off this extractor, and is the same still, is stored as it was.

    Args:
        extractor: A model with one output, the embedding, of D features: [1, D], [1, 1, D] or
            [1, 1, 1, D]; uint8, int8 or float32; plain or compiled for the Edge TPU.
        weights: float32 [D, C], finite.
        biases: float32 [C], finite.
        calibration: Embeddings of this extractor, on which the quantized head is made to lose the
            least. Without them the range of the logits is bounded by what the embedding tensor
            could hold, which is safe and coarse.
        labels: The C class names, to be stored in the model.
        per_channel: Quantize the weights of each class with a scale of its own, which is more
            accurate. int8 models only, for runtimes of TensorFlow 2.14 or later.
        class_means: The mean embedding of each class, [C, D], to be noted in the model.

    Returns:
        The classifier, with an output [1, C] of probabilities.

    Raises:
        ModelError: The extractor cannot take a head.
        ValueError: The sizes do not match, or numbers are not finite.
    """
    model = unpack(ModelFile.open(extractor).content)
    embedding = embedding_index(model)
    weights, biases = _check_head(model, weights, biases)
    if labels is not None and len(labels) != len(biases):
        raise ValueError(f"there are {len(labels)} labels for {len(biases)} classes")
    head = _quantize(model, weights, biases, calibration, per_channel)
    logits = _add_layer(model, embedding, weights, biases, head)
    if len(tensor_shape(main_subgraph(model).tensors[embedding])) != 2:
        logits = add_reshape(model, "head/reshaped", logits, [1, len(biases)])
    probabilities = add_softmax(model, "head/probabilities", logits)
    set_output(model, add_output_conversion(model, "head/output", probabilities))
    if class_means is not None:
        note_class_means(model, class_means)
    return ModelFile(pack_with_labels(model, labels))


def quantization_report(
    extractor: ModelSource,
    weights: ArrayLike,
    biases: ArrayLike,
    embeddings: Embeddings,
    *,
    calibration: Embeddings | None = None,
    per_channel: bool = False,
) -> QuantizationReport:
    """Compares a head with what :func:`append_softmax_head` makes of it, without running a model.

    Args:
        extractor: See :func:`append_softmax_head`.
        weights: float32 [D, C].
        biases: float32 [C].
        embeddings: Of this extractor, at least one; [N, D].
        calibration: See :func:`append_softmax_head`.
        per_channel: See :func:`append_softmax_head`.

    Raises:
        ModelError: The extractor cannot take a head.
        ValueError: The sizes do not match, or there are no embeddings.
    """
    model = unpack(ModelFile.open(extractor).content)
    weights, biases = _check_head(model, weights, biases)
    rows = _check_embeddings(embeddings, len(weights))
    if not len(rows):
        raise ValueError("a quantization report needs embeddings to look at")
    wanted = softmax(rows.astype(np.float64) @ weights + biases)
    head = _quantize(model, weights, biases, calibration, per_channel)
    stored = wanted
    if head is not None:
        quantized = head.compute(head.layer.embedding.quantize(rows))
        stored = probability_quantization(quantized.dtype).dequantize(quantized)
    return QuantizationReport(
        len(rows),
        float((wanted.argmax(axis=1) == stored.argmax(axis=1)).mean()),
        float(np.abs(wanted - stored).max()),
    )


def _check_head(
    model: ModelT, weights: ArrayLike, biases: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    with np.errstate(over="ignore"):  # told below
        weights = np.asarray(weights, np.float32)
        biases = np.asarray(biases, np.float32)
    if weights.ndim != 2 or biases.shape != weights.shape[1:] or not biases.size:
        raise ValueError(
            "weights must be [D, C] and biases [C], "
            f"not {list(weights.shape)} and {list(biases.shape)}"
        )
    if not (np.isfinite(weights).all() and np.isfinite(biases).all()):
        raise ValueError("weights and biases must be finite")
    features = tensor_shape(main_subgraph(model).tensors[embedding_index(model)])[-1]
    if len(weights) != features:
        raise ValueError(
            f"the head takes {len(weights)} features, but the extractor gives {features}"
        )
    return weights, biases


def _check_embeddings(embeddings: Embeddings, features: int) -> NDArray[np.float32]:
    if embeddings.shape[1] != features:
        raise ValueError(
            f"the embeddings have {embeddings.shape[1]} features, but the head takes {features}"
        )
    return np.asarray(embeddings, np.float32)


def _quantize(
    model: ModelT,
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    calibration: Embeddings | None,
    per_channel: bool,
) -> QuantizedHead | None:
    """Quantizes a head for a model; None for a float model."""
    tensor = main_subgraph(model).tensors[embedding_index(model)]
    if per_channel and tensor_type_name(tensor) != "int8":
        raise ValueError(
            f"only int8 models can have weights per channel, not {tensor_type_name(tensor)}"
        )
    embedding = tensor_quantization(tensor)
    if embedding is None:
        return None
    rows = None if calibration is None else _check_embeddings(calibration, len(weights))
    return take_head_record(model, weights, biases, embedding) or quantize_head(
        weights, biases, embedding, rows, per_channel=per_channel
    )


def _add_layer(
    model: ModelT,
    embedding: int,
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    head: QuantizedHead | None,
) -> int:
    """Adds the linear layer, quantized or float, and returns the index of the logits."""
    if head is None:
        stored_weights = add_tensor(
            model, "head/weights", weights.T.shape, np.float32, values=weights.T
        )
        stored_biases = add_tensor(model, "head/biases", biases.shape, np.float32, values=biases)
        return add_fully_connected(
            model, "head/logits", embedding, stored_weights, stored_biases, None
        )
    layer = head.layer
    stored_weights = add_tensor(
        model,
        "head/weights",
        layer.weights.T.shape,
        layer.weights.dtype,
        values=layer.weights.T,
        scale=layer.weight_scales,
        zero_point=layer.weight_zero_point,
    )
    stored_biases = add_tensor(
        model,
        "head/biases",
        layer.biases.shape,
        np.int32,
        values=layer.biases,
        scale=layer.bias_scales,
    )
    return add_fully_connected(
        model, "head/logits", embedding, stored_weights, stored_biases, head.logits
    )
