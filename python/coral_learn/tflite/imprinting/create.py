"""Making imprinting models, which learn a class from a few photos, of any image model."""

import math

import numpy as np

from ...errors import ModelError
from ..cut import create_embedding_extractor
from ..file import EDGETPU_CUSTOM_OP, ModelFile, ModelSource, read_model_content
from ..head.read import read_head
from ..linear_layer import find_linear_layers
from ..model import (
    embedding_index,
    main_subgraph,
    operator_name,
    tensor_quantization,
    tensor_shape,
    unpack,
)
from ..quantization import Quantization, probability_quantization
from ..schema import ModelT
from .tail import (
    ImprintingTail,
    append_imprinting_tail,
    append_normalization,
    has_imprinting_tail,
    read_imprinting_model,
)

# With photos of flowers, 5 a class, this gives the likeliest probabilities: as sure of themselves
# as they are right.
LOGIT_SCALE = 25.0


def create_imprinting_model(model: ModelSource, *, keep_classes: bool = False) -> bytes:
    """Makes an imprinting model of any embedding extractor or classifier.

    The result ends in L2_NORMALIZATION, CONV_2D, MUL, RESHAPE and SOFTMAX, as the one model does
    that pycoral's imprinting engine accepts; :class:`coral_learn.ImprintingEngine` then teaches it
    classes. Any type that extractors come in will do: uint8, int8 and float32, and compiled for the
    Edge TPU, where the new tail runs on the CPU.

    Args:
        model: An extractor, a classifier, or an imprinting model already.
        keep_classes: Keep the classes of a classifier: it goes on telling them apart as before.
            Otherwise the result has no class yet: run before it was taught any, it gives a single
            probability of 1.

    Returns:
        The imprinting model; with its classes, it keeps their labels.

    Raises:
        ModelError: The model cannot be used, or has no classes to keep.
    """
    content = read_model_content(model)
    if has_imprinting_tail(content):
        if keep_classes:
            return content
        old = read_imprinting_model(content)
        return append_imprinting_tail(old.extractor, _no_classes(len(old.tail.weights)))
    if keep_classes:
        return _keep_classes(content)
    normalized = append_normalization(_as_extractor(content))
    return append_imprinting_tail(normalized, _no_classes(_feature_dim(normalized)))


def make_imprinting_model(model: ModelFile, *, keep_classes: bool = False) -> ModelFile:
    """Makes an imprinting model; see :func:`create_imprinting_model`."""
    return ModelFile(create_imprinting_model(model, keep_classes=keep_classes))


def _no_classes(features: int) -> ImprintingTail:
    return ImprintingTail(
        np.zeros((features, 0), np.float32), np.zeros(0, np.float32), LOGIT_SCALE, {}, None
    )


def _keep_classes(content: bytes) -> bytes:
    """Makes an imprinting model with the classes of a classifier.

    The classifier's logits are w . e + b; the tail computes them for an embedding of typical length
    as ``scale * (w' . e / |e| + b')``. What all classes have in common does not change the softmax,
    and is left out.
    """
    weights, biases, labels = read_head(content)
    extractor = create_embedding_extractor(content)
    weights -= weights.mean(axis=1, keepdims=True)
    biases = biases - biases.mean()
    length = _typical_length(extractor)
    # A photo's cosine with the weights of its class is seldom over one half.
    norms = np.sqrt(np.einsum("dc,dc->c", weights, weights))
    largest = length * float(norms.max()) / 2
    scale = max(LOGIT_SCALE, largest + float(np.abs(biases).max()))
    weights *= np.float32(length / scale)
    tail = ImprintingTail(
        weights,
        biases / np.float32(scale),
        scale,
        sum_norms={},
        photo_counts=np.zeros(len(biases), np.int32),
    )
    return append_imprinting_tail(append_normalization(extractor), tail, labels)


def _as_extractor(content: bytes) -> bytes:
    """Returns the embedding extractor that a model is or begins with."""
    model = unpack(content)
    if _is_hidden(model):
        if _quantization_of_output(model) == probability_quantization(np.dtype(np.uint8)):
            raise ModelError(
                "this is a classifier compiled for the Edge TPU, which hides its embedding: take "
                "the model that it was compiled from, or a compiled embedding extractor"
            )
        return content
    return create_embedding_extractor(content) if find_linear_layers(model) else content


def _is_hidden(model: ModelT) -> bool:
    """Tells whether the Edge TPU's own operator computes the output."""
    graph = main_subgraph(model)
    return any(
        operator_name(model, operator) == EDGETPU_CUSTOM_OP.decode()
        and set(operator.outputs).intersection(graph.outputs)
        for operator in graph.operators
    )


def _quantization_of_output(model: ModelT) -> Quantization | None:
    graph = main_subgraph(model)
    return tensor_quantization(graph.tensors[int(graph.outputs[0])])


def _feature_dim(extractor: bytes) -> int:
    model = unpack(extractor)
    return tensor_shape(main_subgraph(model).tensors[embedding_index(model)])[-1]


def _typical_length(extractor: bytes) -> float:
    """Estimates the length of an embedding from the range that its tensor can hold.

    Features of real photos have root mean squares of about a sixth of the largest one.
    """
    quantization = _quantization_of_output(unpack(extractor))
    largest = 6.0 if quantization is None else max(-quantization.low, quantization.high)
    return math.sqrt(_feature_dim(extractor)) * largest / 6
