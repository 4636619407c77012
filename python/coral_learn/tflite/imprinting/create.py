"""Making imprinting models, which can learn a class from a few photos, from any image model."""

import math

import numpy as np

from ..cut import cut_below_head
from ..embedding import embedding_output
from ..file import ModelFile, ModelSource
from ..head.read import read_head
from ..open_extractor import open_extractor
from .append import append_imprinting_tail, append_normalization
from .read import has_imprinting_tail, read_imprinting_model
from .tail import ImprintingTail

# On photos of flowers, 5 per class, this gives the best calibrated probabilities.
LOGIT_SCALE = 25.0


def create_imprinting_model(
    model: ModelSource, *, keep_classes: bool = False, tensor_name: str | None = None
) -> bytes:
    """Makes an imprinting model from any embedding extractor or classifier.

    The result ends in L2_NORMALIZATION, CONV_2D, MUL, RESHAPE and SOFTMAX, like the one model that
    pycoral's imprinting engine accepts; :class:`coral_learn.ImprintingEngine` then adds classes
    to it. The extractor may be of any type: uint8, int8, float32, or compiled for the Edge TPU,
    in which case the new tail runs on the CPU.

    Args:
        model: An extractor, a classifier, or an imprinting model.
        keep_classes: Whether to keep the classes of a classifier, with their accuracy. If not, the
            result has no classes yet: until one is added, its output is a single probability of 1.
        tensor_name: The tensor to take as the embedding, for a model without classes to keep; by
            default the output of an extractor, and the input of a classifier's last layer.

    Returns:
        The imprinting model, with the labels of the classes that it keeps.

    Raises:
        ModelError: The model cannot be used, or has no classes to keep.
        ValueError: A tensor is named although the classes are kept: their head reads its own.
    """
    file = ModelFile.open(model)
    return make_imprinting_model(file, keep_classes=keep_classes, tensor_name=tensor_name).content


def make_imprinting_model(
    model: ModelFile, *, keep_classes: bool = False, tensor_name: str | None = None
) -> ModelFile:
    """Makes an imprinting model; see :func:`create_imprinting_model`."""
    if keep_classes and tensor_name is not None:
        raise ValueError(
            "tensor_name cannot be chosen with keep_classes=True: the classes that are kept read "
            "the input of the model's own last layer"
        )
    if tensor_name is None and has_imprinting_tail(model):
        if keep_classes:
            return model
        old = read_imprinting_model(model)
        return append_imprinting_tail(old.extractor, _no_classes(len(old.tail.weights)))
    if keep_classes:
        return _keep_classes(model)
    normalized = append_normalization(open_extractor(model, tensor_name).model)
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
    extractor = cut_below_head(classifier)
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


def _feature_dim(extractor: ModelFile) -> int:
    return embedding_output(extractor.graph).shape[-1]


def _typical_length(extractor: ModelFile) -> float:
    """Estimates the length of an embedding from the range that its tensor can hold.

    The root mean square of the features of real photos is about a sixth of the largest feature.
    """
    quantization = extractor.graph.outputs[0].quantization
    largest = 6.0 if quantization is None else max(-quantization.low, quantization.high)
    return math.sqrt(_feature_dim(extractor)) * largest / 6
