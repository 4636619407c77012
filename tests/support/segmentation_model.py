"""A small segmentation model, whose class for each pixel is its strongest color."""

from typing import Any

import numpy as np

from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph


def segmentation_model(size: tuple[int, int] = (16, 8), *, with_argmax: bool) -> bytes:
    """Returns a model whose output has half the width and height of its uint8 image.

    Args:
        size: The width and the height of the image, both even.
        with_argmax: Whether the output is the class of each pixel, 0 for red, 1 for green and 2 for
            blue, [1, height, width], or the score of each class, [1, height, width, 3].
    """
    width, height = size
    graph = Graph.empty("built for tests")
    image = graph.add_tensor("image", [1, height, width, 3], np.uint8, scale=1 / 255)
    half = [1, height // 2, width // 2]
    scores = graph.add_tensor("scores", [*half, 3], np.uint8, scale=1 / 255)
    pool = schema.Pool2DOptionsT()
    pool.padding = schema.Padding.VALID
    pool.filterWidth = pool.strideW = pool.filterHeight = pool.strideH = 2
    code: Any = schema.BuiltinOperator
    graph.add_operator(code.AVERAGE_POOL_2D, [image], [scores], options=pool)
    output = scores
    if with_argmax:
        output = graph.add_tensor("classes", half, np.int32)
        axis = graph.add_tensor("axis", [], np.int32, values=3)
        untyped: Any = schema  # the stub lists only what the package itself uses
        options = untyped.ArgMaxOptionsT()
        options.outputType = schema.TensorType.INT32
        graph.add_operator(code.ARG_MAX, [scores, axis], [output], options=options)
    graph.set_inputs([image])
    graph.set_output(output)
    return ModelFile.of_graph(graph).content
