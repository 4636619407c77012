"""Dropping what a model no longer uses, and renumbering what stays."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import main_subgraph, set_output
from .schema import ModelT, OperatorT


def keep_up_to(model: ModelT, tensor: int) -> None:
    """Makes a tensor the only output and drops all that it does not need.

    The inputs stay. Tensors, buffers and operator codes keep their order and are renumbered.
    """
    set_output(model, tensor)
    _drop_operators(model)
    _drop_tensors(model)
    _drop_buffers(model)
    _drop_operator_codes(model)


def _drop_operators(model: ModelT) -> None:
    graph = main_subgraph(model)
    needed = set(graph.outputs.tolist())
    kept: list[OperatorT] = []
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs.tolist()):
            needed.update(operator.inputs.tolist())
            kept.insert(0, operator)
    graph.operators = kept


def _drop_tensors(model: ModelT) -> None:
    graph = main_subgraph(model)
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
    numbers[-1] = -1  # an input that is left out
    graph.inputs = _renumber(graph.inputs, numbers)
    graph.outputs = _renumber(graph.outputs, numbers)
    for operator in graph.operators:
        operator.inputs = _renumber(operator.inputs, numbers)
        operator.outputs = _renumber(operator.outputs, numbers)
        operator.intermediates = _renumber(operator.intermediates, numbers)
    for entry in entries:
        entry.tensorIndex = numbers[entry.tensorIndex]


def _drop_buffers(model: ModelT) -> None:
    owners = [*main_subgraph(model).tensors, *model.metadata]
    # Buffer 0 is the empty one of tensors without data.
    model.buffers, numbers = _keep(model.buffers, {0, *(owner.buffer for owner in owners)})
    for owner in owners:
        owner.buffer = numbers[owner.buffer]


def _drop_operator_codes(model: ModelT) -> None:
    operators = main_subgraph(model).operators
    used = {operator.opcodeIndex for operator in operators}
    model.operatorCodes, numbers = _keep(model.operatorCodes, used)
    for operator in operators:
        operator.opcodeIndex = numbers[operator.opcodeIndex]


def _keep(items: Sequence[Any], used: Iterable[int]) -> tuple[list[Any], dict[int, int]]:
    """Returns the items used, and the new number of each old one."""
    indices = sorted(index for index in set(used) if index >= 0)
    return [items[index] for index in indices], {old: new for new, old in enumerate(indices)}


def _renumber(indices: NDArray[np.int32], numbers: dict[int, int]) -> NDArray[np.int32]:
    return np.array([numbers[index] for index in indices.tolist()], np.int32)
