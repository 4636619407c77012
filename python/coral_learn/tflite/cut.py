"""Cutting the last layer off a classifier, which makes it an embedding extractor."""

import shlex
from collections.abc import Sequence

from ..errors import ModelError
from .embedding import (
    Candidate,
    best_first,
    candidates,
    embedding_output,
    heads_of,
)
from .ending import hides_last_layer, is_pooled
from .file import ModelFile, ModelSource
from .graph import Graph
from .head.record import record_head
from .image_shape import InputSize
from .input_shape import fix_input_shape
from .linear_layer import LinearLayer
from .metadata import EMBEDDING
from .nodes import EMBEDDING_TYPES, Tensor
from .normalization import NormalizationLike, parse_normalization
from .pooled_cut import add_pooling, is_pooled_later
from .pruning import prune

# The embeddings of the architectures that Coral's tutorial lists.
_KNOWN_EMBEDDINGS = (
    "MobilenetV1/Logits/AvgPool_1a/AvgPool",
    "MobilenetV2/Logits/AvgPool",
    "InceptionV1/Logits/AvgPool_0a_7x7/AvgPool",
    "InceptionV2/Logits/AvgPool_1a_7x7/AvgPool",
    "InceptionV3/Logits/AvgPool_1a_8x8/AvgPool",
    "InceptionV4/Logits/AvgPool_1a/AvgPool",
)
_MAX_LISTED = 6


def create_embedding_extractor(
    classifier: ModelSource,
    tensor_name: str | None = None,
    *,
    input_size: InputSize | None = None,
    normalization: NormalizationLike | None = None,
) -> bytes:
    """Makes an embedding extractor from a classifier by cutting off its last linear layer.

    The cut is at the named tensor. Without a name, it is at the embedding of an architecture that
    is known by its tensor names, or else at the input of the last linear layer. Everything that
    the model then no longer uses is dropped.

    Args:
        classifier: A ``.tflite`` file, not compiled for the Edge TPU, or its bytes.
        tensor_name: The tensor to cut at. If its name is several names joined with ";", one of
            them is enough.
        input_size: Width and height of the extractor's input, or one number for both, for a model
            that takes images of any size; None for 224.
        normalization: How the pixels of the input are normalized, as for
            :class:`coral_learn.EmbeddingExtractor`; the extractor declares it. None for what the
            classifier declares or shows.

    Returns:
        A model that takes one image, with the embedding as its only output, in the type that it
        has inside the classifier.

    Raises:
        ModelError: The model is an extractor already, or is a compiled one, or there is no
            embedding, or more than one, or it is not one vector per image.
        ValueError: The normalization is invalid.

    Examples:
        >>> from pathlib import Path
        >>> from coral_learn import EmbeddingExtractor, create_embedding_extractor
        >>> content = create_embedding_extractor("my_classifier.tflite")
        >>> written = Path("my_extractor.tflite").write_bytes(content)
        >>> with EmbeddingExtractor("my_extractor.tflite") as extractor:
        ...     extractor.extract(["photo.jpg"]).shape
        (1, 8)
    """
    extractor = cut_at_embedding(ModelFile.open(classifier), tensor_name, input_size)
    if normalization is not None:
        extractor = extractor.with_normalization(parse_normalization(normalization))
    return extractor.content


def cut_at_embedding(
    classifier: ModelFile, tensor_name: str | None = None, input_size: InputSize | None = None
) -> ModelFile:
    """Makes an embedding extractor from a classifier; see :func:`create_embedding_extractor`.

    The extractor remembers how the head was stored, so that the same head can be put back exactly.
    """
    classifier = fix_input_shape(classifier, input_size)
    if tensor_name is None:
        _refuse_extractor(classifier)
    layers = heads_of(classifier)
    return _cut(classifier, layers, _find_embedding(classifier, layers, tensor_name))


def cut_below_head(classifier: ModelFile) -> ModelFile:
    """Makes the extractor that a classifier's own head reads.

    :func:`cut_at_embedding` may choose another tensor, because it is for new heads.

    Raises:
        ModelError: The classifier does not have exactly one last linear layer.
    """
    classifier = fix_input_shape(classifier)
    layer = last_layer(classifier)
    return _cut(classifier, [layer], layer.embedding)


def last_layer(classifier: ModelFile) -> LinearLayer:
    """Returns the last linear layer of a classifier, which reads an embedding.

    Raises:
        ModelError: The classifier does not have exactly one last linear layer.
    """
    layers = heads_of(classifier)
    if len(layers) != 1:
        raise _error(classifier, layers, f"there are {len(layers) or 'no'} last linear layers")
    _check_embedding(classifier, layers, layers[0].embedding)
    return layers[0]


def _cut(classifier: ModelFile, layers: Sequence[LinearLayer], embedding: Tensor) -> ModelFile:
    extractor = classifier.graph.copy()
    for layer in layers:
        if layer.embedding is embedding:
            record_head(extractor.model, classifier.graph, layer)
    output = extractor.tensors[embedding.index]
    if is_pooled_later(embedding, layers):
        output = add_pooling(extractor, output)
    extractor = prune(extractor, output)
    return ModelFile.of_graph(extractor, output_name=EMBEDDING, name=classifier.name)


def _refuse_extractor(model: ModelFile) -> None:
    """Rejects a model that is known to be an extractor, because it needs no cut."""
    graph = model.graph
    if model.is_classifier or len(graph.outputs) != 1:
        return
    (output,) = graph.outputs
    is_compiled = hides_last_layer(graph)
    is_known = bool(_tensors_named(graph, _KNOWN_EMBEDDINGS) & {output})
    ends_in_embedding = is_known or is_pooled(graph, output) or _is_normalized(graph, output)
    if model.is_extractor or is_compiled or ends_in_embedding:
        embedding = Candidate.of_tensor(embedding_output(graph, model.name))
        compiled = ", compiled for the Edge TPU" if is_compiled else ""
        path = shlex.quote(model.name) if model.is_named else "EXTRACTOR.tflite"
        raise ModelError(
            f"{model.name} is an embedding extractor already ({embedding.feature_dim} features, "
            f"{embedding.dtype}{compiled}), and is ready to use: run "
            f"`coral-learn train PHOTOS --extractor {path} --output DIR`"
        )


def _is_normalized(graph: Graph, tensor: Tensor) -> bool:
    producer = graph.producers.get(tensor)
    return producer is not None and producer.name == "L2_NORMALIZATION"


def _find_embedding(model: ModelFile, layers: Sequence[LinearLayer], name: str | None) -> Tensor:
    graph = model.graph
    if name is not None:
        found = _tensors_named(graph, [name])
        if not found:
            raise _error(model, layers, f"there is no tensor named {name!r}")
    else:
        known = _tensors_named(graph, _KNOWN_EMBEDDINGS)
        read = {layer.embedding for layer in layers}
        found = known & read or known or read
    if not found:
        last = ", ".join(operator.name for operator in graph.operators[-4:])
        advice = ". An embedding extractor needs no cut and can be used as it is"
        text = f"no linear layer leads to the output; the last operators are {last}"
        raise _error(model, layers, text + ("" if model.is_classifier else advice))
    if len(found) > 1:
        tensors = sorted(found, key=lambda tensor: tensor.index)
        names = "; ".join(str(Candidate.of_tensor(tensor)) for tensor in tensors[:_MAX_LISTED])
        raise _error(model, layers, f"there are several embeddings: {names}")
    embedding = found.pop()
    _check_embedding(model, layers, embedding)
    return embedding


def _check_embedding(model: ModelFile, layers: Sequence[LinearLayer], embedding: Tensor) -> None:
    graph, found = model.graph, Candidate.of_tensor(embedding)
    if graph.outputs == [embedding]:
        raise ModelError(
            f"{found} is the output of {model.name}, so that there is nothing to cut off: use the "
            "model as it is"
        )
    if embedding not in graph.producers:
        raise _error(model, layers, f"{found} is not computed from the image")
    if found.dtype not in EMBEDDING_TYPES:
        raise _error(model, layers, f"{found} is not uint8, int8 or float32")
    if not (embedding.is_vector or is_pooled_later(embedding, layers)):
        raise _error(
            model,
            layers,
            f"{found} is not one vector per image, such as [1, 1, 1, D]: the model does not pool "
            "its features before the last layer",
        )


def _error(model: ModelFile, layers: Sequence[LinearLayer], found: str) -> ModelError:
    graph = model.graph
    tensors = [each for each in candidates(graph, layers) if each not in graph.outputs]
    best = [str(Candidate.of_tensor(each)) for each in best_first(graph, tensors)[:_MAX_LISTED]]
    advice = f". Name the tensor to cut at with --tensor, one of: {'; '.join(best)}" if best else ""
    if len(tensors) > len(best):
        path = shlex.quote(model.name) if model.is_named else "CLASSIFIER.tflite"
        advice += f" (all {len(tensors)}: `coral-learn extractor {path} --list`)"
    return ModelError(f"{model.name}: {found}{advice}")


def _tensors_named(graph: Graph, names: Sequence[str]) -> set[Tensor]:
    """Finds tensors by their full name, or by one of several names that a converter joined."""
    return {
        tensor
        for tensor in graph.tensors
        if any(f";{name};" in f";{tensor.name};" for name in names)
    }
