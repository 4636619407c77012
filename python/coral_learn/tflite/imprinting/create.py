"""Making imprinting models, which can learn a class from a few photos, from any image model."""

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..cut import cut_at_embedding
from ..embedding import embedding_output
from ..file import ModelFile, ModelSource
from ..graph import EDGETPU_CUSTOM_OP, Graph
from ..head.read import read_head
from ..linear_layer import LinearLayer, find_linear_layers
from ..nodes import Tensor
from ..pruning import prune
from ..quantization import Quantization, probability_quantization
from .append import append_imprinting_tail, append_normalization
from .kept_head import JoinedScale, in_type, join_head
from .read import has_imprinting_tail, read_imprinting_model
from .tail import ImprintingTail, KeptScores

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
        keep_classes: Whether to keep the classes of a classifier. Its last layer then stays in the
            model, so that the answers stay the same; see :mod:`.kept_head`. If not, the result has
            no classes yet: until one is added, its output is a single probability of 1.

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
        body = old.body if old.head is None else append_normalization(old.extractor)
        return append_imprinting_tail(body, _no_classes(_feature_dim(body)))
    if keep_classes:
        return _keep_classes(model)
    normalized = append_normalization(_as_extractor(model))
    return append_imprinting_tail(normalized, _no_classes(_feature_dim(normalized)))


def _no_classes(features: int) -> ImprintingTail:
    return ImprintingTail(
        np.zeros((features, 0), np.float32), np.zeros(0, np.float32), LOGIT_SCALE, {}, None
    )


def _keep_classes(classifier: ModelFile) -> ModelFile:
    """Makes an imprinting model with the classes of a classifier, whose head stays as it was."""
    weights, biases, labels = read_head(classifier)
    graph = classifier.graph.copy()
    (layer,) = find_linear_layers(graph)
    if not layer.embedding.is_vector:
        raise ModelError(
            f"{classifier.name}: the last layer reads {list(layer.embedding.shape)}, and not one "
            "vector per image, such as [1, 1, 1, D]: make an imprinting model without its classes"
        )
    logits = _activated(layer)
    quantization = _in_type_of_input(graph, logits)
    largest = 8 * float(np.abs(weights).sum(axis=0).max()) + float(np.abs(biases).max())
    shape = len(weights), logits.shape[-1]
    sizes = JoinedScale.of_logits(quantization, largest, shape, LOGIT_SCALE)
    body = prune(graph, join_head(graph, layer.embedding, logits, sizes))
    picks = _class_of_logit(logits.shape[-1], len(biases)) * layer.softmax_beta
    tail = ImprintingTail(
        np.zeros((sum(shape) + 1, len(biases)), np.float32),
        np.zeros(len(biases), np.float32),
        LOGIT_SCALE,
        sum_norms={},
        photo_counts=np.zeros(len(biases), np.int32),
        kept=_kept_scores(sizes, layer.softmax_beta),
    )
    tail.weights[: len(picks)] = picks * (sizes.anchor / LOGIT_SCALE)
    return append_imprinting_tail(ModelFile.of_graph(body), tail, labels)


def _kept_scores(sizes: JoinedScale, beta: float) -> KeptScores | None:
    """Returns how an 8-bit tail stores the scores of kept classes, logits over LOGIT_SCALE."""
    if sizes.logits is None:
        return None
    scale = sizes.logits.scale * beta / LOGIT_SCALE
    scores = Quantization(sizes.logits.dtype, scale, sizes.logits.zero_point)
    return KeptScores(scores, beta * sizes.anchor / LOGIT_SCALE)


def _activated(layer: LinearLayer) -> Tensor:
    """Returns the logits as the activation reads them; the output if there is no activation."""
    logits = layer.logits
    for operator in layer.downstream:
        if operator.name in ("SOFTMAX", "LOGISTIC", "LOG_SOFTMAX"):
            break
        logits = operator.outputs[0]
    return logits


def _in_type_of_input(graph: Graph, logits: Tensor) -> Quantization | None:
    """Returns how an 8-bit tail stores the logits; None if the tail is to be in real numbers."""
    quantization = logits.quantization
    types = {tensor.dtype for tensor in graph.inputs}
    if quantization is None or len(types) != 1:
        return None
    return in_type(quantization, types.pop())


def _class_of_logit(logits: int, classes: int) -> NDArray[np.float32]:
    """Returns the factors [Z, C] of the logits; the one logit of two classes is of the second."""
    return np.eye(logits, classes, k=classes - logits, dtype=np.float32)


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
