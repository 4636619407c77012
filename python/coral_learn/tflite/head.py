"""Appending a softmax regression head to an embedding extractor."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..embeddings import Embeddings
from ..errors import ModelError
from .model import add_operator, add_tensor, main_subgraph, pack, set_output, tensor_dtype, unpack
from .schema import ModelT, TensorT, load_schema


def append_softmax_head(
    extractor: bytes,
    weights: ArrayLike,
    biases: ArrayLike,
    *,
    calibration: Embeddings | None = None,
    labels: Sequence[str] | None = None,
    per_channel: bool = False,
) -> bytes:
    """Makes a classifier of an embedding extractor: FULLY_CONNECTED, (RESHAPE), SOFTMAX.

    Args:
        extractor: A model with one output, the embedding, of D features: [1, D], [1, 1, D] or
            [1, 1, 1, D]; plain or compiled for the Edge TPU.
        weights: float32 [D, C], finite.
        biases: float32 [C], finite.
        calibration: Embeddings of this extractor, whose logits decide the range that quantized
            logits can have. Without them it is bounded from the weights and the range that the
            embedding tensor can hold, which is safe and coarse.
        labels: The C class names, to be stored in the model.
        per_channel: Quantize the weights with one scale for each class; int8 models only.

    Returns:
        The classifier, with an output [1, C] of probabilities.

    Raises:
        ModelError: The extractor cannot take a head.
        ValueError: The sizes do not match.
    """
    model = unpack(extractor)
    embedding_index, embedding = _embedding_tensor(model)
    weights, biases = _check_head(weights, biases, int(embedding.shape[-1]))
    if tensor_dtype(embedding) != np.uint8 or per_channel:
        raise ModelError(
            f"the embedding is {tensor_dtype(embedding)}; only uint8 models take a head so far"
        )
    scale, zero_point = _scale_and_zero_point(embedding)
    weight_scale, weight_zero, stored_weights = _quantize_uint8(weights)
    stored_biases = np.rint(biases.astype(np.float64) / (scale * weight_scale))
    low, high = _logit_range(
        (stored_weights.astype(np.float64) - weight_zero) * weight_scale,
        biases,
        calibration,
        (0 - zero_point) * scale,
        (255 - zero_point) * scale,
    )
    logit_scale, logit_zero = _range_to_uint8(low, high)

    schema = load_schema()
    features, classes = weights.shape
    weight_tensor = add_tensor(
        model,
        "head/weights",
        [classes, features],
        np.uint8,
        values=np.ascontiguousarray(stored_weights.T),
        scale=weight_scale,
        zero_point=weight_zero,
    )
    bias_tensor = add_tensor(
        model,
        "head/biases",
        [classes],
        np.int32,
        values=np.clip(stored_biases, -(2**30), 2**30),
        scale=scale * weight_scale,
    )
    logits = add_tensor(
        model, "head/logits", [1, classes], np.uint8, scale=logit_scale, zero_point=logit_zero
    )
    add_operator(
        model,
        schema.BuiltinOperator.FULLY_CONNECTED,
        [embedding_index, weight_tensor, bias_tensor],
        [logits],
        options=schema.FullyConnectedOptionsT(),
    )
    if len(embedding.shape) != 2:
        shape = add_tensor(model, "head/shape", [2], np.int32, values=[1, classes])
        reshaped = add_tensor(
            model, "head/reshaped", [1, classes], np.uint8, scale=logit_scale, zero_point=logit_zero
        )
        options = schema.ReshapeOptionsT()
        options.newShape = np.array([1, classes], np.int32)
        add_operator(
            model, schema.BuiltinOperator.RESHAPE, [logits, shape], [reshaped], options=options
        )
        logits = reshaped
    probabilities = add_tensor(
        model, "head/probabilities", [1, classes], np.uint8, scale=1 / 256, zero_point=0
    )
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    add_operator(model, schema.BuiltinOperator.SOFTMAX, [logits], [probabilities], options=options)
    set_output(model, embedding_index, probabilities)
    return pack(model)


def _embedding_tensor(model: ModelT) -> tuple[int, TensorT]:
    graph = main_subgraph(model)
    if len(graph.outputs) != 1:
        raise ModelError(
            f"an embedding extractor has one output; this model has {len(graph.outputs)}"
        )
    index = int(graph.outputs[0])
    shape = [int(size) for size in graph.tensors[index].shape]
    if len(shape) < 2 or any(size != 1 for size in shape[:-1]):
        raise ModelError(
            f"the embedding must have the shape [1, D] or [1, 1, 1, D]; this model gives {shape}"
        )
    return index, graph.tensors[index]


def _check_head(
    weights: ArrayLike, biases: ArrayLike, features: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    weights = np.asarray(weights, np.float32)
    biases = np.asarray(biases, np.float32)
    if weights.ndim != 2 or biases.shape != (weights.shape[1],):
        raise ValueError(
            "weights must be [D, C] and biases [C], "
            f"not {list(weights.shape)} and {list(biases.shape)}"
        )
    if weights.shape[0] != features:
        raise ValueError(
            f"the head takes {weights.shape[0]} features, the extractor gives {features}"
        )
    return weights, biases


def _scale_and_zero_point(tensor: TensorT) -> tuple[float, int]:
    return float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])


def _quantize_uint8(values: NDArray[np.float32]) -> tuple[float, int, NDArray[np.uint8]]:
    scale, zero_point = _range_to_uint8(float(values.min()), float(values.max()))
    stored = np.clip(np.rint(values / scale) + zero_point, 0, 255).astype(np.uint8)
    return scale, zero_point, stored


def _range_to_uint8(low: float, high: float) -> tuple[float, int]:
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255)) or 1.0
    return scale, int(np.clip(np.rint(-low / scale), 0, 255))


def _logit_range(
    weights: NDArray[np.float64],
    biases: NDArray[np.float32],
    calibration: Embeddings | None,
    embedding_low: float,
    embedding_high: float,
) -> tuple[float, float]:
    if calibration is not None and len(calibration):
        logits = np.asarray(calibration) @ weights + biases
        return float(logits.min()), float(logits.max())
    ends = np.stack([weights * embedding_low, weights * embedding_high])
    low = ends.min(axis=0).sum(axis=0) + biases
    high = ends.max(axis=0).sum(axis=0) + biases
    return float(low.min()), float(high.max())
