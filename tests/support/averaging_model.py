"""A tiny image model whose output is the mean of each color over the image, made in memory."""

import numpy as np
from numpy.typing import DTypeLike

from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph


def averaging_model(
    dtype: DTypeLike = np.uint8,
    scale: float = 1 / 128,
    zero_point: int = 128,
    size: tuple[int, int] = (8, 4),
    batch: int = 1,
    channels: int = 3,
) -> bytes:
    """Returns a model from [batch, height, width, channels] to [batch, 1, 1, channels].

    The image and the means have one quantization.
    """
    width, height = size
    scales = None if np.dtype(dtype) == np.float32 else scale
    graph = Graph.empty()
    image = graph.add_tensor(
        "image", [batch, height, width, channels], dtype, scale=scales, zero_point=zero_point
    )
    means = graph.add_tensor(
        "means", [batch, 1, 1, channels], dtype, scale=scales, zero_point=zero_point
    )
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideW, options.strideH = 1, 1
    options.filterWidth, options.filterHeight = width, height
    graph.add_operator(schema.BuiltinOperator.AVERAGE_POOL_2D, [image], [means], options=options)
    graph.set_inputs([image])
    graph.set_output(means)
    return ModelFile.of_graph(graph).content
