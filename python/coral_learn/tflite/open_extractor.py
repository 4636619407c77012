"""Taking any model as an embedding extractor: as it is, or with its last layer cut off."""

import shlex
from typing import NamedTuple

from .cut import cut_at_embedding
from .embedding import embedding_output, heads_of, short_name, wider_pooled_tensor
from .file import ModelFile, ModelSource
from .input_shape import with_one_image
from .metadata import EMBEDDING
from .nodes import Tensor
from .output_kind import OutputKind

AUTO = "auto"
"""In the place of a tensor's name: the tensor is chosen by measuring several on photos."""


class OpenedExtractor(NamedTuple):
    """An embedding extractor, and what was done to get it.

    Attributes:
        model: The extractor, whose output is one embedding.
        notes: A sentence for each fact that the user should know; none for a model that is an
            extractor already.
    """

    model: ModelFile
    notes: list[str]


def open_extractor(source: ModelSource, tensor_name: str | None = None) -> OpenedExtractor:
    """Opens an extractor, or a classifier, whose last layer is then cut off.

    Args:
        source: An embedding extractor or a classifier, by its path or bytes.
        tensor_name: The tensor to take as the embedding. The name of the model's own output takes
            the model as it is. None for the output of an extractor, and for the default cut of a
            classifier (see :func:`~coral_learn.tflite.cut.create_embedding_extractor`).

    Raises:
        ModelError: The model cannot be used: it gives no embedding, or is a classifier that cannot
            be cut.
    """
    model = with_one_image(ModelFile.open(source))
    if tensor_name is not None:
        return _at_tensor(model, tensor_name)
    if not model.is_classifier:
        embedding_output(model.graph, model.name)  # rejects other models
        return OpenedExtractor(model, [])
    extractor = cut_at_embedding(model)
    notes = [_cut_note(model, extractor)]
    return OpenedExtractor(extractor, [*notes, *hints_of_cut(model, extractor)])


def hints_of_cut(classifier: ModelFile, extractor: ModelFile) -> list[str]:
    """Returns a sentence about a better tensor to cut at than the one chosen, if there may be one.

    Args:
        classifier: The classifier.
        extractor: What :func:`~coral_learn.tflite.cut.cut_at_embedding` made from it.
    """
    graph, embedding = classifier.graph, _embedding_in(classifier, extractor)
    if embedding is None:
        return []
    wider = wider_pooled_tensor(graph, heads_of(classifier), embedding)
    if wider is None:
        return []
    name = shlex.quote(short_name(graph, wider))
    return [
        f"the cut of {classifier.name} is at a hidden layer of {embedding.shape[-1]} features; the "
        f"pooled tensor before it has {wider.shape[-1]} and is often better for new classes: "
        f"choose it with --tensor {name}, or measure both with --tensor auto"
    ]


def describe_embedding(model: ModelFile, extractor: ModelFile) -> str:
    """Returns the name, the size and the type of the embedding that an extractor gives.

    Args:
        model: The model that the extractor was made from; ``--tensor`` finds the name in it.
        extractor: The extractor.
    """
    output = extractor.graph.outputs[0]
    name = short_name(model.graph, _embedding_in(model, extractor) or output)
    return f"{name} ({output.shape[-1]} features, {output.type_name})"


def _at_tensor(model: ModelFile, name: str) -> OpenedExtractor:
    graph = model.graph
    outputs = [tensor for tensor in graph.outputs if _has_name(tensor, name)]
    if not outputs or len(graph.outputs) > 1:
        extractor = cut_at_embedding(model, name)
        return OpenedExtractor(
            extractor, [f"{model.name} was cut at {describe_embedding(model, extractor)}"]
        )
    embedding_output(graph, model.name)
    output = describe_embedding(model, model)
    note = f"{model.name} is used as it is: its output {output} is the embedding"
    if model.is_extractor:
        return OpenedExtractor(model, [note])
    # The mark keeps everything that follows from cutting the model after all.
    marked = ModelFile.of_graph(graph.copy(), output_name=EMBEDDING, name=model.name)
    return OpenedExtractor(marked, [note])


def _cut_note(classifier: ModelFile, extractor: ModelFile) -> str:
    note = f"{classifier.name} is a classifier; its last layer was cut off at "
    note += describe_embedding(classifier, extractor)
    graph = classifier.graph
    is_plain = classifier.output_kind in (OutputKind.LOGITS, OutputKind.SIGMOID_LOGIT)
    if classifier.labels or len(graph.outputs) > 1 or not is_plain:
        return note
    # Logits and an embedding that is computed by a linear layer look the same.
    name = shlex.quote(short_name(graph, graph.outputs[0]))
    return f"{note}. If it is an extractor that ends in a linear layer, add --tensor {name}"


def _embedding_in(model: ModelFile, extractor: ModelFile) -> Tensor | None:
    """Returns the tensor of a model that is the output of an extractor made from it."""
    name = extractor.graph.outputs[0].name
    return next((tensor for tensor in model.graph.tensors if tensor.name == name), None)


def _has_name(tensor: Tensor, name: str) -> bool:
    return f";{name};" in f";{tensor.name};"
