"""Writes a chain of quantized convolutions and an average pool as a ``.tflite`` file."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coral_learn.tflite.model import ModelT, add_operator, add_tensor, pack
from coral_learn.tflite.schema import load_schema


class QuantizedConvolution(NamedTuple):
    """A convolution with SAME padding and ReLU.

    Attributes:
        weights: uint8 [out, height, width, in].
        weight_scale: Real units of one step of the weights.
        weight_zero_point: The stored value of a zero weight.
        bias: Real values, float32 [out].
        stride: Both ways.
        output_scale: Real units of one step of the output. Its zero point is 0, so activations
            are clipped at 255 steps.
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
        convolutions: From the image on.
        image_size: Width and height.
        image_scale: Real units of one step of a pixel.
        image_zero_point: The pixel value that stands for zero.
        description: What the model says of itself.
    """
    model = _empty_model(description)
    tensor = image = add_tensor(
        model,
        "image",
        (1, image_size, image_size, 3),
        np.uint8,
        scale=image_scale,
        zero_point=image_zero_point,
    )
    size, scale = image_size, image_scale
    for number, layer in enumerate(convolutions):
        size = -(-size // layer.stride)
        tensor = _add_convolution(model, f"conv{number}", layer, tensor, scale, size)
        scale = layer.output_scale
    features = len(convolutions[-1].bias)
    embedding = add_tensor(model, "embedding", (1, 1, 1, features), np.uint8, scale=scale)
    _add_average_pool(model, tensor, embedding, size)
    graph = model.subgraphs[0]
    graph.inputs, graph.outputs = np.int32([image]), np.int32([embedding])
    return pack(model)


def _empty_model(description: str) -> ModelT:
    schema = load_schema()
    graph = schema.SubGraphT()
    graph.name, graph.tensors, graph.operators = b"main", [], []
    model = schema.ModelT()
    model.version, model.description = 3, description.encode()
    model.operatorCodes, model.subgraphs = [], [graph]
    model.buffers = [schema.BufferT()]  # buffer 0 is empty by convention
    return model


def _add_convolution(
    model: ModelT, name: str, layer: QuantizedConvolution, image: int, scale: float, size: int
) -> int:
    features = len(layer.bias)
    weights = add_tensor(
        model,
        f"{name}/weights",
        layer.weights.shape,
        np.uint8,
        values=layer.weights,
        scale=layer.weight_scale,
        zero_point=layer.weight_zero_point,
    )
    bias_scale = scale * layer.weight_scale
    bias = add_tensor(
        model,
        f"{name}/bias",
        (features,),
        np.int32,
        values=np.round(layer.bias / bias_scale),
        scale=bias_scale,
    )
    output = add_tensor(model, name, (1, size, size, features), np.uint8, scale=layer.output_scale)
    schema = load_schema()
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = layer.stride
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    add_operator(
        model, schema.BuiltinOperator.CONV_2D, [image, weights, bias], [output], options=options
    )
    return output


def _add_average_pool(model: ModelT, image: int, output: int, size: int) -> None:
    schema = load_schema()
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideW = options.strideH = 1
    options.filterWidth = options.filterHeight = size
    add_operator(model, schema.BuiltinOperator.AVERAGE_POOL_2D, [image], [output], options=options)
