"""The head of an ordinary classifier, kept inside an imprinting model.

Normalization loses the length of an embedding, without which the logits of an ordinary head cannot
be computed. So the head stays in the model as it was, and CONV_2D reads three things at once,
joined into one vector: the logits of the head, the direction of the embedding, and a constant that
is so much larger than both that L2_NORMALIZATION divides by the same length for every photo. A kept
class then takes its own logit, unchanged, and an imprinted class the cosine with its direction.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...arrays import BiasVector, WeightColumns
from ...errors import ModelError
from ..file import ModelFile
from ..graph import Graph
from ..metadata import EMBEDDING
from ..nodes import Operator, Tensor
from ..pruning import prune
from .join import PREFIX

_UNIT_TOLERANCE = 0.02


class KeptHead(NamedTuple):
    """The head of an ordinary classifier, and how its logits are joined with the embedding.

    Attributes:
        weights: The weights of the head, float32 [D, Z].
        biases: The biases of the head, float32 [Z].
        reach: The factor of the direction; not zero.
        anchor: The constant; positive.
        typical_length: The estimated length of the embedding of a photo.
    """

    weights: WeightColumns
    biases: BiasVector
    reach: float
    anchor: float
    typical_length: float

    @property
    def features(self) -> int:
        """D, the length of an embedding."""
        return len(self.weights)

    @property
    def width(self) -> int:
        """F, the number of values that CONV_2D reads."""
        return len(self.biases) + self.features + 1

    def join(self, embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns what CONV_2D reads, [N, F], for embeddings [N, D].

        Normalized embeddings have lost their length, and get the typical one.
        """
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        if (np.abs(lengths - 1) < _UNIT_TOLERANCE).all():
            embeddings, lengths = embeddings * self.typical_length, lengths * self.typical_length
        logits = embeddings.astype(np.float32) @ self.weights + self.biases
        directions = embeddings / np.maximum(lengths, np.finfo(np.float32).tiny)
        anchors = np.full((len(logits), 1), self.anchor)
        joined = np.hstack([logits, directions * self.reach, anchors])
        return np.asarray(joined / np.linalg.norm(joined, axis=1, keepdims=True))

    def directions(self, joined: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the directions [N, D] inside of what CONV_2D reads, [N, F]."""
        inside = joined[:, len(self.biases) : -1] * math.copysign(1.0, self.reach)
        lengths = np.linalg.norm(inside, axis=1, keepdims=True)
        return np.asarray(inside / np.maximum(lengths, np.finfo(np.float64).tiny))

    def embed_weights(self, direction: NDArray[np.float64], sharpness: float) -> NDArray[Any]:
        """Returns the weights [F] of a class: its score is ``sharpness`` times a cosine."""
        weights = np.zeros(self.width)
        weights[len(self.biases) : -1] = direction * (sharpness * self.anchor / self.reach)
        return weights

    def direction_of(self, weights: NDArray[Any]) -> NDArray[np.float64]:
        """Returns the direction [D] that a class with weights [F] has, not normalized."""
        inside = weights[len(self.biases) : -1].astype(np.float64)
        return np.asarray(inside * math.copysign(1.0, self.reach))


class _Join(NamedTuple):
    """The operators that join a kept head with the embedding.

    Attributes:
        logits: The tensor of the logits.
        embedding: The tensor of the embedding.
        reach: The constant tensor of the factor of the direction.
        anchor: The constant tensor of the constant.
        width: The number of values that are joined.
    """

    logits: Tensor
    embedding: Tensor
    reach: Tensor
    anchor: Tensor
    width: int


def read_kept_head(graph: Graph, normalization: Operator) -> tuple[KeptHead, Tensor] | None:
    """Reads the kept head of an imprinting model, and the tensor of its embedding.

    Args:
        graph: The graph of the imprinting model.
        normalization: The L2_NORMALIZATION before CONV_2D.

    Returns:
        None if CONV_2D reads nothing but a normalized embedding.

    Raises:
        ModelError: The kept head cannot be read.
    """
    join = _find_join(graph, normalization)
    if join is None:
        return None
    constants = [graph.constant(each) for each in (join.reach, join.anchor)]
    reach, anchor = (
        each.item() if each is not None and each.size == 1 else 0 for each in constants
    )
    if not 0 < abs(reach) < np.inf or not 0 < anchor < np.inf:
        return None
    weights, biases = _read_head_before(graph, join.logits)
    features = join.embedding.shape[-1]
    if features != len(weights) or join.width != sum(weights.shape) + 1:
        raise ModelError(
            f"the kept head reads {len(weights)} features, and the embedding has {features}: make "
            "the imprinting model again from its classifier"
        )
    length = typical_length(graph, join.embedding)
    return KeptHead(weights, biases, reach, anchor, length), join.embedding


def cut_before_join(body: ModelFile) -> ModelFile:
    """Returns the model up to the embedding that is joined with a kept head.

    Args:
        body: A model whose output is what CONV_2D reads.
    """
    graph = body.graph.copy()
    (last,) = [each for each in graph.operators if each.name == "L2_NORMALIZATION"][-1:]
    join = _find_join(graph, last)
    assert join is not None  # this body has a kept head
    return ModelFile.of_graph(prune(graph, join.embedding), output_name=EMBEDDING)


def _find_join(graph: Graph, normalization: Operator) -> _Join | None:
    producers = graph.producers
    join = _producer(producers, normalization, "CONCATENATION")
    if join is None or len(join.inputs) != 3:
        return None
    logits, reached, anchor = join.inputs
    scaling = producers.get(reached) if reached is not None else None
    if logits is None or anchor is None or scaling is None or scaling.name != "MUL":
        return None
    direction, reach = _producer(producers, scaling, "L2_NORMALIZATION"), scaling.inputs[-1]
    if direction is None or direction.inputs[0] is None or reach is None:
        return None
    embedding = direction.inputs[0]
    while embedding.name.startswith(PREFIX) and embedding in producers:
        before = producers[embedding].inputs[0]
        if before is None:
            break
        embedding = before
    return _Join(logits, embedding, reach, anchor, join.outputs[0].shape[-1])


def _number(graph: Graph, tensor: Tensor) -> float:
    """Returns the one number of a constant; 0 for other tensors."""
    stored = graph.constant(tensor)
    return float(stored.item()) if stored is not None and stored.size == 1 else 0.0


def _read_head_before(graph: Graph, logits: Tensor) -> tuple[WeightColumns, BiasVector]:
    """Reads the linear layer that leads to a tensor of logits."""
    # Most imprinting models have no kept head, and importing these takes long.
    from ..head.layer_numbers import read_linear_layer
    from ..layers import add_softmax
    from ..linear_layer import find_linear_layers

    classifier = graph.copy()
    source = classifier.tensors[logits.index]
    classifier.set_output(add_softmax(classifier, f"{PREFIX}probabilities", source))
    layers = find_linear_layers(classifier)
    if len(layers) != 1:
        raise ModelError(
            "the kept head has no linear layer that can be read: make the imprinting model again "
            "from its classifier"
        )
    return read_linear_layer(classifier, layers[0])


def typical_length(graph: Graph, embedding: Tensor) -> float:
    """Estimates the length of an embedding from the range that its tensor can hold.

    The root mean square of the features of real photos is about a sixth of the largest feature.
    """
    producer = graph.producers.get(embedding)
    if producer is not None and producer.name == "L2_NORMALIZATION":
        return 1.0
    quantization = embedding.quantization
    largest = 6.0 if quantization is None else max(-quantization.low, quantization.high)
    return math.sqrt(embedding.shape[-1]) * largest / 6


def _producer(producers: dict[Tensor, Operator], operator: Operator, name: str) -> Operator | None:
    """Returns the operator of a kind that computes the first input of another."""
    source = operator.inputs[0] if operator.inputs else None
    found = producers.get(source) if source is not None else None
    return found if found is not None and found.name == name else None
