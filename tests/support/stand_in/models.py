"""Models like those that the Edge TPU compiler writes."""

import numpy as np

from coral_learn.tflite import schema
from coral_learn.tflite.graph import EDGETPU_CUSTOM_OP
from coral_learn.tflite.tree import pack, unpack


def compiled(content: bytes) -> bytes:
    """Replaces all operators of a model by one custom operator.

    The stand-in runs the result, with ``content`` as its twin; a real Edge TPU cannot run it.
    """
    model = unpack(content)
    graph = model.subgraphs[0]
    graph.tensors = [graph.tensors[index] for index in (graph.inputs[0], graph.outputs[0])]
    graph.inputs, graph.outputs = np.array([0], np.int32), np.array([1], np.int32)
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = graph.inputs, graph.outputs
    graph.operators = [operator]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = EDGETPU_CUSTOM_OP.encode()
    code.version = 1
    model.operatorCodes = [code]
    return pack(model)
