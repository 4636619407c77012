"""The head of a classifier as a model of its own, which takes embeddings in place of images."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import ModelError
from .file import ModelFile
from .nodes import Tensor
from .pruning import prune
from .second_output import head_embedding


class HeadAlone(NamedTuple):
    """The head of a classifier.

    Attributes:
        model: A model from an embedding to the output of the classifier.
        embedding: Its input.
    """

    model: ModelFile
    embedding: Tensor


def head_alone(classifier: ModelFile) -> HeadAlone:
    """Returns the head of a classifier, with exactly the operators that it has there.

    Raises:
        ModelError: The classifier has no last layer that reads an embedding.
    """
    found = head_embedding(classifier.graph)
    if found is None:
        raise ModelError(
            f"{classifier.name} has no last layer that reads an embedding, so that embeddings "
            "cannot be classified with it. Give the photos themselves"
        )
    graph = classifier.graph.copy()
    embedding = graph.tensors[found.index]
    table = graph.model.subgraphs[0]
    table.operators = [
        operator for operator in table.operators if found.index not in operator.outputs.tolist()
    ]
    graph.model.signatureDefs = []  # they name the image
    graph.set_inputs([embedding])
    pruned = prune(graph, graph.outputs[0])
    return HeadAlone(ModelFile.of_graph(pruned, name=classifier.name), pruned.inputs[0])
