"""How a model ends, which shows whether it gives classes or an embedding."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from .graph import EDGETPU_CUSTOM_OP, Graph
from .linear_layer import find_linear_layers
from .nodes import Operator, Tensor
from .origins import RESHAPING
from .quantization import probability_quantization

_CONVERSIONS = frozenset(RESHAPING)
_ACTIVATIONS = frozenset({"SOFTMAX", "LOGISTIC", "LOG_SOFTMAX"})
_ARITHMETIC = frozenset({"ADD", "SUB", "DIV", "MINIMUM", "MAXIMUM", "CONCATENATION", "SUM"})
_POOLS = frozenset({"AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D", "MEAN", "REDUCE_MAX", "SUM"})
# A damaged or hostile file must not take long.
_MAX_OPERATORS = 32
_MAX_JOINED = 8


def ends_in_classes(graph: Graph) -> bool:
    """Tells whether the outputs of a model are the probabilities or the logits of classes.

    Raises:
        ModelError: The last linear layer is damaged.
    """
    if hides_last_layer(graph):
        return _hides_classes(graph)
    return _ends_in_probabilities(graph) or bool(find_linear_layers(graph))


def hides_last_layer(graph: Graph) -> bool:
    """Tells whether the Edge TPU's operator computes an output, which hides what comes before."""
    last = _last_operators(graph, _CONVERSIONS | _ACTIVATIONS)
    return any(each.name == EDGETPU_CUSTOM_OP for each in last)


def _ends_in_probabilities(graph: Graph) -> bool:
    """Tells whether a softmax or a sigmoid, also one written out, is the last that is computed.

    True also where :class:`~coral_learn.tflite.score_reader.ScoreReader` cannot read what was done
    to the probabilities: such a model is not an extractor either.
    """
    through = _CONVERSIONS | _ARITHMETIC
    if any(each.name == "LOGISTIC" for each in _last_operators(graph, through)):
        return True
    # Not through MUL above, because x * LOGISTIC(x) is an activation inside an extractor.
    last = {each.name for each in _last_operators(graph, through | {"MUL"})}
    return not last.isdisjoint({"SOFTMAX", "LOG_SOFTMAX"}) or last >= {"EXP", "DIV"}


def class_tensors(graph: Graph) -> list[Tensor]:
    """Lists the tensors that hold a number for each class, in a model that gives probabilities."""
    if not _ends_in_probabilities(graph):
        return []
    through = _CONVERSIONS | _ARITHMETIC | _ACTIVATIONS | {"MUL", "EXP"}
    return [each for operator in _last_operators(graph, through) for each in operator.outputs]


def is_pooled(graph: Graph, tensor: Tensor) -> bool:
    """Tells whether a vector is the result of pooling, or of several poolings joined."""
    return _is_pooled(graph.producers, tensor, _MAX_OPERATORS)


def _is_pooled(producers: Mapping[Tensor, Operator], tensor: Tensor, limit: int) -> bool:
    producer = producers.get(tensor)
    if producer is None or not tensor.is_vector or limit == 0:
        return False
    if producer.name in _CONVERSIONS:
        return _are_pooled(producers, producer.inputs[:1], limit - 1)
    if producer.name == "CONCATENATION":
        return _are_pooled(producers, producer.inputs[:_MAX_JOINED], limit // 4)
    return producer.name in _POOLS


def _are_pooled(
    producers: Mapping[Tensor, Operator], tensors: Sequence[Tensor | None], limit: int
) -> bool:
    found = [each is not None and _is_pooled(producers, each, limit) for each in tensors]
    return bool(found) and all(found)


def _hides_classes(graph: Graph) -> bool:
    """Tells whether the Edge TPU's operator, or what follows it, gives probabilities."""
    if _ends_in_probabilities(graph):
        return True
    return any(
        tensor.type_name in ("uint8", "int8")
        and tensor.quantization == probability_quantization(tensor.dtype)
        for operator in _last_operators(graph, _CONVERSIONS)
        for tensor in operator.outputs
    )


def _last_operators(graph: Graph, through: Collection[str]) -> list[Operator]:
    """Lists the operators before the outputs, and those before each operator named ``through``."""
    producers = graph.producers
    found: dict[int, Operator] = {}
    waiting: list[Tensor | None] = list(graph.outputs)
    while waiting and len(found) < _MAX_OPERATORS:
        tensor = waiting.pop(0)
        operator = producers.get(tensor) if tensor is not None else None
        if operator is None or id(operator) in found:
            continue
        found[id(operator)] = operator
        if operator.name in through:
            waiting.extend(operator.inputs)
    return list(found.values())
