"""Writes a chain of quantized convolutions and an average pool as a ``.tflite`` file."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.nodes import Tensor


class QuantizedConvolution(NamedTuple):
    """A convolution with SAME padding and ReLU.

    Attributes:
        weights: The stored weights, uint8 [out, height, width, in].
        weight_scale: The size of one quantization step of the weights in real units.
        weight_zero_point: The stored value of a zero weight.
        bias: The real biases, float32 [out].
        stride: The stride in both directions.
        output_scale: The size of one quantization step of the output in real units. Its zero point
            is 0, so activations are clipped at 255 steps.
    """

    weights: NDArray[np.uint8]
    weight_scale: float
    weight_zero_point: int
    bias: NDArray[np.float32]
    stride: int
    output_scale: float


def extractor_content(
    convolutions: Sequence[QuantizedConvolution],
    *,
    image_size: int,
    image_scale: float,
    image_zero_point: int,
    description: str,
) -> bytes:
    """Returns a model from uint8 image [1, size, size, 3] to uint8 embedding [1, 1, 1, D].

    Args:
        convolutions: The convolutions, starting at the image.
        image_size: The width and height of the image in pixels.
        image_scale: The size of one quantization step of a pixel in real units.
        image_zero_point: The pixel value that stands for zero.
        description: The description to store in the model.
    """
    graph = Graph.empty(description)
    tensor = image = graph.add_tensor(
        "image",
        (1, image_size, image_size, 3),
        np.uint8,
        scale=image_scale,
        zero_point=image_zero_point,
    )
    size, scale = image_size, image_scale
    for number, layer in enumerate(convolutions):
        size = -(-size // layer.stride)
        tensor = _add_convolution(graph, f"conv{number}", layer, tensor, scale, size)
        scale = layer.output_scale
    features = len(convolutions[-1].bias)
    embedding = graph.add_tensor("embedding", (1, 1, 1, features), np.uint8, scale=scale)
    _add_average_pool(graph, tensor, embedding, size)
    graph.set_inputs([image])
    graph.set_output(embedding)
    return ModelFile.of_graph(graph).content


def _add_convolution(
    graph: Graph, name: str, layer: QuantizedConvolution, image: Tensor, scale: float, size: int
) -> Tensor:
    features = len(layer.bias)
    weights = graph.add_tensor(
        f"{name}/weights",
        layer.weights.shape,
        np.uint8,
        values=layer.weights,
        scale=layer.weight_scale,
        zero_point=layer.weight_zero_point,
    )
    bias_scale = scale * layer.weight_scale
    bias = graph.add_tensor(
        f"{name}/bias",
        (features,),
        np.int32,
        values=np.round(layer.bias / bias_scale),
        scale=bias_scale,
    )
    output = graph.add_tensor(name, (1, size, size, features), np.uint8, scale=layer.output_scale)
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = layer.stride
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    graph.add_operator(
        schema.BuiltinOperator.CONV_2D, [image, weights, bias], [output], options=options
    )
    return output


def _add_average_pool(graph: Graph, image: Tensor, output: Tensor, size: int) -> None:
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideW = options.strideH = 1
    options.filterWidth = options.filterHeight = size
    graph.add_operator(schema.BuiltinOperator.AVERAGE_POOL_2D, [image], [output], options=options)
