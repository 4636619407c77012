"""Tiny models that are the segments of a pipeline, and segments of other models."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.nodes import Tensor
from coral_learn.tflite.tree import pack, unpack

_OPTIONS: dict[str, Any] = {"ADD": schema.AddOptionsT, "MUL": schema.MulOptionsT}


def arithmetic_model(
    inputs: Sequence[str], outputs: Mapping[str, tuple[str, str, str | float]], size: int = 3
) -> bytes:
    """Returns a model of float32 tensors of the shape [1, size].

        arithmetic_model(["image"], {"double": ("MUL", "image", 2), "more": ("ADD", "double", 1)})

    Args:
        inputs: The names of the inputs.
        outputs: For each output the operator and its operands: names of tensors, or a number.
        size: The number of elements of each tensor.
    """
    graph = Graph.empty("built for tests")
    tensors = {name: graph.add_tensor(name, [1, size], np.float32) for name in inputs}
    graph.set_inputs(list(tensors.values()))

    def operand(value: str | float) -> Tensor:
        if isinstance(value, str):
            return tensors[value]
        return graph.add_tensor("number", [1], np.float32, values=[value])

    for name, (code, *operands) in outputs.items():
        sources = [operand(value) for value in operands]
        tensors[name] = graph.add_tensor(name, [1, size], np.float32)
        graph.add_operator(
            getattr(schema.BuiltinOperator, code),
            sources,
            [tensors[name]],
            options=_OPTIONS[code](),
        )
    indices = [tensors[name].index for name in outputs]
    graph.model.subgraphs[0].outputs = np.array(indices, np.int32)
    return ModelFile.of_graph(graph).content


def reshaping_model(name: str, shape: Sequence[int], target: Sequence[int]) -> bytes:
    """Returns a model from a uint8 tensor of this name and shape to "reshaped"."""
    graph = Graph.empty("built for tests")
    source = graph.add_tensor(name, shape, np.uint8)
    result = graph.add_tensor("reshaped", target, np.uint8)
    numbers = graph.add_tensor("target", [len(target)], np.int32, values=target)
    options = schema.ReshapeOptionsT()
    options.newShape = np.array(target, np.int32)
    graph.add_operator(schema.BuiltinOperator.RESHAPE, [source, numbers], [result], options=options)
    graph.set_inputs([source])
    graph.set_output(result)
    return ModelFile.of_graph(graph).content


def cut_at(content: bytes, name: str) -> tuple[bytes, bytes]:
    """Returns the part of a model up to the tensor of this name, and the part after it.

    No operator of the second part may read what the first computes, except that tensor.
    """
    parts = []
    for is_first in (True, False):
        model = unpack(content)
        [subgraph] = model.subgraphs
        [index] = [tensor.index for tensor in Graph(model).tensors if tensor.name == name]
        [last] = [
            position for position, each in enumerate(subgraph.operators) if index in each.outputs
        ]
        if is_first:
            subgraph.operators = subgraph.operators[: last + 1]
            subgraph.outputs = np.array([index], np.int32)
        else:
            subgraph.operators = subgraph.operators[last + 1 :]
            subgraph.inputs = np.array([index], np.int32)
        parts.append(pack(model))
    return parts[0], parts[1]
