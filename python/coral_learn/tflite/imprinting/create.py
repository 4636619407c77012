"""Making imprinting models, which can learn a class from a few photos, from any image model."""

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..cut import last_layer
from ..embedding import embedding_output
from ..file import ModelFile, ModelSource
from ..graph import Graph
from ..head.read import read_head
from ..input_shape import fix_input_shape
from ..metadata import EMBEDDING
from ..nodes import Tensor
from ..open_extractor import open_extractor
from ..pooled_cut import add_pooling
from ..pruning import prune
from ..quantization import Quantization, stored_range
from .append import append_imprinting_tail, append_normalization
from .join import JoinedScale, in_type, join_head
from .kept_head import KeptHead, typical_length
from .read import has_imprinting_tail, read_imprinting_model
from .tail import ImprintingModel, ImprintingTail, KeptScores

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
        keep_classes: Whether to keep the classes of a classifier. Its last layer then stays in the
            model, so that the answers stay the same; see :mod:`.kept_head`. If not, the result has
            no classes yet: until one is added, its output is a single probability of 1.
        tensor_name: The tensor to take as the embedding, for a model without classes to keep; by
            default the output of an extractor, and the input of a classifier's last layer.

    Returns:
        The imprinting model, with the labels of the classes that it keeps.

    Raises:
        ModelError: The model cannot be used, or has no classes to keep.
        ValueError: A tensor is named although the classes are kept: their head reads its own.

    Examples:
        >>> from coral_learn import ImprintingEngine, create_imprinting_model
        >>> content = create_imprinting_model("retrained/retrained_model.tflite", keep_classes=True)
        >>> ImprintingEngine(content, keep_classes=True).labels
        ['daisy', 'roses', 'tulips']
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
        body = old.body if old.head is None else append_normalization(old.extractor)
        return append_imprinting_tail(body, _no_classes(_feature_dim(body)))
    if keep_classes:
        kept, labels = keep_head(fix_input_shape(model))
        return append_imprinting_tail(kept.body, kept.tail, labels)
    normalized = append_normalization(open_extractor(model, tensor_name).model)
    return append_imprinting_tail(normalized, _no_classes(_feature_dim(normalized)))


def _no_classes(features: int) -> ImprintingTail:
    return ImprintingTail(
        np.zeros((features, 0), np.float32), np.zeros(0, np.float32), LOGIT_SCALE, {}, None
    )


def keep_head(classifier: ModelFile) -> tuple[ImprintingModel, list[str] | None]:
    """Makes an imprinting model with the classes of a classifier, whose head stays as it was.

    Returns:
        The parts of the model, and the labels of its classes, or None.

    Raises:
        ModelError: The classifier has no head that can be kept.
    """
    weights, biases, labels = read_head(classifier)
    layer = last_layer(classifier)
    logits, factor = layer.activation_input, layer.factor
    if factor == 0:
        raise ModelError(f"{classifier.name}: its logits are multiplied by 0")
    size = logits.shape[-1]
    picks = _class_of_logit(size, len(biases)) * np.float32(factor)
    weights, biases = weights[:, -size:], biases[-size:]
    if factor != 1:
        weights, biases = weights / np.float32(factor), biases / np.float32(factor)
    stored = _in_type_of_input(classifier.graph, logits) if factor > 0 else None
    largest = 8 * float(np.abs(weights).sum(axis=0).max()) + float(np.abs(biases).max())
    sizes = JoinedScale.of_logits(stored, largest, weights.shape, LOGIT_SCALE)
    head = KeptHead(
        weights,
        biases,
        sizes.reach,
        sizes.anchor,
        typical_length(classifier.graph, layer.embedding),
    )
    tail = ImprintingTail(
        np.zeros((head.width, picks.shape[1]), np.float32),
        np.zeros(picks.shape[1], np.float32),
        LOGIT_SCALE,
        sum_norms={},
        photo_counts=np.zeros(picks.shape[1], np.int32),
        kept=_kept_scores(sizes, factor),
    )
    tail.weights[:size] = picks * np.float32(sizes.anchor / LOGIT_SCALE)
    graph = classifier.graph.copy()
    embedding, activated = (graph.tensors[each.index] for each in (layer.embedding, logits))
    if layer.is_pooled:
        embedding = add_pooling(graph, embedding)
    joined = join_head(graph, embedding, activated, sizes)
    body = ModelFile.of_graph(prune(graph, joined), output_name=EMBEDDING)
    return ImprintingModel(body, layer.embedding.quantization, tail, head), labels


def _kept_scores(sizes: JoinedScale, factor: float) -> KeptScores | None:
    """Returns how an 8-bit tail stores the scores of kept classes, logits over LOGIT_SCALE."""
    logits = sizes.logits
    if logits is None:
        return None
    zero_point = logits.zero_point
    if factor < 0:
        zero_point = sum(stored_range(logits.dtype)) - zero_point
    scale = logits.scale * abs(factor) / LOGIT_SCALE
    scores = Quantization(logits.dtype, scale, zero_point)
    return KeptScores(scores, abs(factor) * sizes.anchor / LOGIT_SCALE)


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


def _feature_dim(extractor: ModelFile) -> int:
    return embedding_output(extractor.graph).shape[-1]
