"""Cutting the last layer off a classifier, which makes it an embedding extractor."""

from collections.abc import Sequence

from ..errors import ModelError
from .embedding import EMBEDDING_TYPES, Candidate, candidates
from .file import ModelFile, ModelSource
from .graph import Graph
from .head.record import record_head
from .linear_layer import LinearLayer, find_linear_layers
from .nodes import Tensor
from .normalization import NormalizationLike, parse_normalization
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


def create_embedding_extractor(
    classifier: ModelSource,
    tensor_name: str | None = None,
    *,
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
        normalization: How the pixels of the input are normalized, as for
            :class:`coral_learn.EmbeddingExtractor`; the extractor declares it. None for what the
            classifier declares or shows.

    Returns:
        A model with the same input and the embedding as its only output, in the type that it has
        inside the classifier.

    Raises:
        ModelError: There is no embedding, or more than one, or it is not one vector per image.
        ValueError: The normalization is invalid.
    """
    extractor = cut_at_embedding(ModelFile.open(classifier), tensor_name)
    if normalization is not None:
        extractor = extractor.with_normalization(parse_normalization(normalization))
    return extractor.content


def cut_at_embedding(classifier: ModelFile, tensor_name: str | None = None) -> ModelFile:
    """Makes an embedding extractor from a classifier; see :func:`create_embedding_extractor`.

    The extractor remembers how the head was stored, so that the same head can be put back exactly.
    """
    graph = classifier.graph
    layers = find_linear_layers(graph)
    embedding = _find_embedding(graph, layers, tensor_name)
    extractor = graph.copy()
    for layer in layers:
        if layer.embedding is embedding:
            record_head(extractor.model, graph, layer)
    extractor = prune(extractor, extractor.tensors[embedding.index])
    return ModelFile.of_graph(extractor, output_name="embedding")


def _find_embedding(graph: Graph, layers: Sequence[LinearLayer], name: str | None) -> Tensor:
    if name is not None:
        found = _tensors_named(graph, [name])
        if not found:
            raise _error(graph, layers, f"there is no tensor named {name!r}")
    else:
        known = _tensors_named(graph, _KNOWN_EMBEDDINGS)
        read = {layer.embedding for layer in layers}
        found = known & read or known or read
    if not found:
        last = ", ".join(operator.name for operator in graph.operators[-4:])
        raise _error(
            graph,
            layers,
            f"no linear layer leads to the output; the last operators are {last}. An embedding "
            "extractor needs no cut and can be used as it is",
        )
    if len(found) > 1:
        tensors = sorted(found, key=lambda tensor: tensor.index)
        names = "; ".join(str(Candidate.of_tensor(tensor)) for tensor in tensors)
        raise _error(graph, layers, f"there are several embeddings: {names}")
    embedding = found.pop()
    _check_embedding(graph, layers, embedding)
    return embedding


def _check_embedding(graph: Graph, layers: Sequence[LinearLayer], embedding: Tensor) -> None:
    found = Candidate.of_tensor(embedding)
    if graph.outputs == [embedding]:
        raise ModelError(
            f"this model is an embedding extractor already; it gives {found}. Use it as it is"
        )
    if embedding not in graph.producers:
        raise _error(graph, layers, f"{found} is not computed from the image")
    if found.dtype not in EMBEDDING_TYPES:
        raise _error(graph, layers, f"{found} is not uint8, int8 or float32")
    if not embedding.is_vector:
        raise _error(
            graph,
            layers,
            f"{found} is not one vector per image, such as [1, 1, 1, D]: the model does not pool "
            "its features before the last layer",
        )


def _error(graph: Graph, layers: Sequence[LinearLayer], found: str) -> ModelError:
    outputs = [Candidate.of_tensor(output) for output in graph.outputs]
    names = [str(each) for each in candidates(graph, layers) if each not in outputs]
    advice = f". Name the tensor to cut at, one of: {'; '.join(names)}" if names else ""
    return ModelError(f"{found}{advice}")


def _tensors_named(graph: Graph, names: Sequence[str]) -> set[Tensor]:
    """Finds tensors by their full name, or by one of several names that a converter joined."""
    return {
        tensor
        for tensor in graph.tensors
        if any(f";{name};" in f";{tensor.name};" for name in names)
    }
