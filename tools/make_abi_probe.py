"""Writes the package's abi_probe.tflite: a model whose one operator is the Edge TPU's.

It has the tensors of a MobileNet v1 extractor and nothing for an Edge TPU to execute. libedgetpu
takes the operator over and then refuses to prepare it; one that does not fit the runtime crashes,
or leaves the operator to the runtime, before it comes to that.

    python tools/make_abi_probe.py python/coral_learn/edgetpu/data/abi_probe.tflite
"""

import sys
from pathlib import Path

import numpy as np

from coral_learn.tflite.file import EDGETPU_CUSTOM_OP
from coral_learn.tflite.model import add_tensor, pack
from coral_learn.tflite.schema import load_schema


def abi_probe() -> bytes:
    schema = load_schema()
    model, graph, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = EDGETPU_CUSTOM_OP
    code.version = 1
    model.version = 3
    model.operatorCodes, model.subgraphs, model.buffers = [code], [graph], [schema.BufferT()]
    graph.tensors, graph.operators = [], [operator]
    image = add_tensor(model, "image", [1, 224, 224, 3], np.uint8, scale=1 / 128, zero_point=128)
    embedding = add_tensor(model, "embedding", [1, 1, 1, 1024], np.uint8, scale=6 / 255)
    graph.inputs = operator.inputs = np.array([image], np.int32)
    graph.outputs = operator.outputs = np.array([embedding], np.int32)
    return pack(model)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(abi_probe())
