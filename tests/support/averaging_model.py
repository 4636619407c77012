"""A tiny image model whose row is the mean of each color over the image, made in memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from coral_learn.tflite.model import add_operator, add_tensor, pack
from coral_learn.tflite.schema import load_schema


def averaging_model(
    dtype: DTypeLike = np.uint8,
    scale: float = 1 / 128,
    zero_point: int = 128,
    size: tuple[int, int] = (8, 4),
    batch: int = 1,
) -> bytes:
    """Makes a model from [batch, height, width, 3] to [batch, 1, 1, 3], quantized alike."""
    width, height = size
    quantization: dict[str, float] = {}
    if np.dtype(dtype) != np.float32:
        quantization = {"scale": scale, "zero_point": zero_point}
    schema = load_schema()
    model = _empty_model()
    image = add_tensor(model, "image", [batch, height, width, 3], dtype, **quantization)
    means = add_tensor(model, "means", [batch, 1, 1, 3], dtype, **quantization)
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideW, options.strideH = 1, 1
    options.filterWidth, options.filterHeight = width, height
    add_operator(model, schema.BuiltinOperator.AVERAGE_POOL_2D, [image], [means], options=options)
    _set_ends(model, [image], [means])
    return pack(model)


def _empty_model():
    schema = load_schema()
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version = 3
    model.operatorCodes, model.subgraphs, model.buffers = [], [graph], [schema.BufferT()]
    graph.tensors, graph.operators = [], []
    return model


def _set_ends(model, inputs: Sequence[int], outputs: Sequence[int]) -> None:
    graph = model.subgraphs[0]
    graph.inputs, graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
