"""Writes the package's abi_probe.tflite: a model whose only operator is the Edge TPU's.

It has the tensors of a MobileNet v1 extractor, and no program for an Edge TPU. libedgetpu takes
over the operator and then fails to prepare it. A libedgetpu that is not compatible with the
runtime crashes before that, or leaves the operator to the runtime.

    python tools/make_abi_probe.py python/coral_learn/edgetpu/data/abi_probe.tflite
"""

import sys
from pathlib import Path

import numpy as np

from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import EDGETPU_CUSTOM_OP, Graph


def abi_probe() -> bytes:
    graph = Graph.empty()
    image = graph.add_tensor("image", [1, 224, 224, 3], np.uint8, scale=1 / 128, zero_point=128)
    embedding = graph.add_tensor("embedding", [1, 1, 1, 1024], np.uint8, scale=6 / 255)
    graph.add_operator(schema.BuiltinOperator.CUSTOM, [image], [embedding])
    graph.model.operatorCodes[0].customCode = EDGETPU_CUSTOM_OP.encode()
    graph.set_inputs([image])
    graph.set_output(embedding)
    return ModelFile.of_graph(graph).content


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(abi_probe())
