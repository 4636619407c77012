"""Making imprinting models, which can learn a class from a few photos, from any image model."""

import math

import numpy as np

from ...errors import ModelError
from ..cut import cut_at_embedding
from ..embedding import embedding_output
from ..file import ModelFile, ModelSource
from ..graph import EDGETPU_CUSTOM_OP, Graph
from ..head.read import read_head
from ..linear_layer import find_linear_layers
from ..quantization import probability_quantization
from .append import append_imprinting_tail, append_normalization
from .read import has_imprinting_tail, read_imprinting_model
from .tail import ImprintingTail

# On photos of flowers, 5 per class, this gives the best calibrated probabilities.
LOGIT_SCALE = 25.0


def create_imprinting_model(model: ModelSource, *, keep_classes: bool = False) -> bytes:
    """Makes an imprinting model from any embedding extractor or classifier.

    The result ends in L2_NORMALIZATION, CONV_2D, MUL, RESHAPE and SOFTMAX, like the one model that
    pycoral's imprinting engine accepts; :class:`coral_learn.ImprintingEngine` then adds classes
    to it. The extractor may be of any type: uint8, int8, float32, or compiled for the Edge TPU,
    in which case the new tail runs on the CPU.

    Args:
        model: An extractor, a classifier, or an imprinting model.
        keep_classes: Whether to keep the classes of a classifier, with their accuracy. If not, the
            result has no classes yet: until one is added, its output is a single probability of 1.

    Returns:
        The imprinting model, with the labels of the classes that it keeps.

    Raises:
        ModelError: The model cannot be used, or has no classes to keep.
    """
    return make_imprinting_model(ModelFile.open(model), keep_classes=keep_classes).content


def make_imprinting_model(model: ModelFile, *, keep_classes: bool = False) -> ModelFile:
    """Makes an imprinting model; see :func:`create_imprinting_model`."""
    if has_imprinting_tail(model):
        if keep_classes:
            return model
        old = read_imprinting_model(model)
        return append_imprinting_tail(old.extractor, _no_classes(len(old.tail.weights)))
    if keep_classes:
        return _keep_classes(model)
    normalized = append_normalization(_as_extractor(model))
    return append_imprinting_tail(normalized, _no_classes(_feature_dim(normalized)))


def _no_classes(features: int) -> ImprintingTail:
    return ImprintingTail(
        np.zeros((features, 0), np.float32), np.zeros(0, np.float32), LOGIT_SCALE, {}, None
    )


def _keep_classes(classifier: ModelFile) -> ModelFile:
    """Makes an imprinting model with the classes of a classifier.

    The classifier's logits are w . e + b; the tail computes them for an embedding of typical length
    as ``scale * (w' . e / |e| + b')``. The mean over all classes does not change the softmax, so it
    is subtracted.
    """
    weights, biases, labels = read_head(classifier)
    extractor = cut_at_embedding(classifier)
    weights -= weights.mean(axis=1, keepdims=True)
    biases = biases - biases.mean()
    length = _typical_length(extractor)
    # The cosine of a photo with the weights of its class is rarely above one half.
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


def _as_extractor(model: ModelFile) -> ModelFile:
    """Returns a model that is an extractor as it is, and a classifier without its last layer."""
    if _is_hidden(model.graph):
        if model.graph.outputs[0].quantization == probability_quantization(np.dtype(np.uint8)):
            raise ModelError(
                "this is a classifier compiled for the Edge TPU, which hides its embedding: use "
                "the model that it was compiled from, or a compiled embedding extractor"
            )
        return model
    return cut_at_embedding(model) if find_linear_layers(model.graph) else model


def _is_hidden(graph: Graph) -> bool:
    """Tells whether the Edge TPU's operator computes an output, which hides the last layer."""
    producers = graph.producers
    return any(
        output in producers and producers[output].name == EDGETPU_CUSTOM_OP
        for output in graph.outputs
    )


def _feature_dim(extractor: ModelFile) -> int:
    return embedding_output(extractor.graph).shape[-1]


def _typical_length(extractor: ModelFile) -> float:
    """Estimates the length of an embedding from the range that its tensor can hold.

    The root mean square of the features of real photos is about a sixth of the largest feature.
    """
    quantization = extractor.graph.outputs[0].quantization
    largest = 6.0 if quantization is None else max(-quantization.low, quantization.high)
    return math.sqrt(_feature_dim(extractor)) * largest / 6
