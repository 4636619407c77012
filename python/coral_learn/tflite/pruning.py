"""Removing everything that a model no longer uses, and renumbering the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from . import schema
from .graph import Graph
from .nodes import Tensor
from .notes import ABOUT_ANSWERS, write_note

_Item = TypeVar("_Item")


def prune(graph: Graph, output: Tensor) -> Graph:
    """Returns a graph whose only output is ``output``, without anything that it does not need.

    The inputs stay. Tensors, buffers and operator codes keep their order and are renumbered. Notes
    about the answers of the model are removed, because it gives others then.

    Args:
        graph: The graph to change; it and its tensors are not valid afterwards.
        output: A tensor of the graph.
    """
    graph.set_output(output)
    model, table = graph.model, graph.model.subgraphs[0]
    for name in ABOUT_ANSWERS:
        write_note(model, name, None)
    _drop_operators(table)
    _drop_tensors(model, table)
    _drop_buffers(model, table)
    _drop_operator_codes(model, table)
    return Graph(model)


def _drop_operators(graph: schema.SubGraphT) -> None:
    needed = set(graph.outputs.tolist())
    kept: list[schema.OperatorT] = []
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs.tolist()):
            needed.update(operator.inputs.tolist())
            kept.insert(0, operator)
    graph.operators = kept


def _drop_tensors(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    entries = [
        entry
        for signature in model.signatureDefs
        for entry in (*signature.inputs, *signature.outputs)
    ]
    used = {entry.tensorIndex for entry in entries}
    used.update(graph.inputs.tolist(), graph.outputs.tolist())
    for operator in graph.operators:
        used.update(operator.inputs.tolist(), operator.outputs.tolist())
        used.update(operator.intermediates.tolist())
    graph.tensors, numbers = _keep(graph.tensors, used)
    numbers[-1] = -1  # an optional input that is left out
    graph.inputs = _renumber(graph.inputs, numbers)
    graph.outputs = _renumber(graph.outputs, numbers)
    for operator in graph.operators:
        operator.inputs = _renumber(operator.inputs, numbers)
        operator.outputs = _renumber(operator.outputs, numbers)
        operator.intermediates = _renumber(operator.intermediates, numbers)
    for entry in entries:
        entry.tensorIndex = numbers[entry.tensorIndex]


def _drop_buffers(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    owners: list[schema.TensorT | schema.MetadataT] = [*graph.tensors, *model.metadata]
    # Buffer 0 is empty by convention, and belongs to tensors without data.
    model.buffers, numbers = _keep(model.buffers, {0, *(owner.buffer for owner in owners)})
    for owner in owners:
        owner.buffer = numbers[owner.buffer]


def _drop_operator_codes(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    used = {operator.opcodeIndex for operator in graph.operators}
    model.operatorCodes, numbers = _keep(model.operatorCodes, used)
    for operator in graph.operators:
        operator.opcodeIndex = numbers[operator.opcodeIndex]


def _keep(items: Sequence[_Item], used: Iterable[int]) -> tuple[list[_Item], dict[int, int]]:
    """Returns the items that are used, and the new number of each."""
    indices = sorted(index for index in set(used) if index >= 0)
    return [items[index] for index in indices], {old: new for new, old in enumerate(indices)}


def _renumber(indices: NDArray[np.int32], numbers: dict[int, int]) -> NDArray[np.int32]:
    return np.array([numbers[index] for index in indices.tolist()], np.int32)
