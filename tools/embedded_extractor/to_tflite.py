"""Writes a chain of quantized convolutions and an average pool as a ``.tflite`` file."""

from collections.abc import Sequence
from typing import NamedTuple

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray


class QuantizedConvolution(NamedTuple):
    """A convolution with SAME padding and a fused ReLU or ReLU6.

    Attributes:
        weights: uint8 [out, height, width, in].
        weight_scale: Real units of one step of the weights.
        weight_zero_point: The stored value of a zero weight.
        bias: Real values, float32 [out].
        stride: Both ways.
        output_scale: Real units of one step of the output, whose zero point is 0: it ends at
            255 steps, whatever the activation lets through.
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
    """Returns a model: uint8 image [1, size, size, 3] to uint8 embedding [1, 1, 1, D]."""
    graph = _Graph()
    image = graph.add_tensor(
        "image", (1, image_size, image_size, 3), schema.TensorType.UINT8, image_scale,
        image_zero_point,
    )  # fmt: skip
    size, scale, current = image_size, image_scale, image
    for number, layer in enumerate(convolutions):
        features = len(layer.bias)
        weights = graph.add_tensor(
            f"conv{number}/weights", layer.weights.shape, schema.TensorType.UINT8,
            layer.weight_scale, layer.weight_zero_point, layer.weights,
        )  # fmt: skip
        bias_scale = scale * layer.weight_scale
        bias = graph.add_tensor(
            f"conv{number}/bias", (features,), schema.TensorType.INT32, bias_scale, 0,
            np.round(layer.bias / bias_scale).astype("<i4"),
        )  # fmt: skip
        size, scale = -(-size // layer.stride), layer.output_scale
        output = graph.add_tensor(
            f"conv{number}", (1, size, size, features), schema.TensorType.UINT8, scale, 0
        )
        graph.add_convolution((current, weights, bias), output, layer.stride)
        current = output
    embedding = graph.add_tensor(
        "embedding", (1, 1, 1, features), schema.TensorType.UINT8, scale, 0
    )
    graph.add_average_pool(current, embedding, size)
    return graph.pack(image, embedding, description)


class _Graph:
    """The tensors, buffers and operators of a model in the making."""

    def __init__(self) -> None:
        self._tensors: list[schema.TensorT] = []
        self._buffers = [schema.BufferT()]  # buffer 0 is empty by convention
        self._operators: list[schema.OperatorT] = []

    def add_tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: int,
        scale: float,
        zero_point: int,
        values: NDArray[np.generic] | None = None,
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), dtype
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = [scale]
        tensor.quantization.zeroPoint = [zero_point]
        buffer = schema.BufferT()
        if values is not None:
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        tensor.buffer = len(self._buffers)
        self._buffers.append(buffer)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def add_convolution(self, inputs: Sequence[int], output: int, stride: int) -> None:
        options = schema.Conv2DOptionsT()
        options.padding = schema.Padding.SAME
        options.strideW = options.strideH = stride
        options.dilationWFactor = options.dilationHFactor = 1
        # RELU, not RELU6: the ranges of the outputs do the clipping.
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        self._add_operator(0, inputs, output, schema.BuiltinOptions.Conv2DOptions, options)

    def add_average_pool(self, image: int, output: int, size: int) -> None:
        options = schema.Pool2DOptionsT()
        options.padding = schema.Padding.VALID
        options.strideW = options.strideH = 1
        options.filterWidth = options.filterHeight = size
        self._add_operator(1, [image], output, schema.BuiltinOptions.Pool2DOptions, options)

    def _add_operator(
        self, code: int, inputs: Sequence[int], output: int, kind: int, options: object
    ) -> None:
        operator = schema.OperatorT()
        operator.opcodeIndex = code
        operator.inputs, operator.outputs = list(inputs), [output]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self._operators.append(operator)

    def pack(self, image: int, embedding: int, description: str) -> bytes:
        subgraph = schema.SubGraphT()
        subgraph.name = "main"
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.inputs, subgraph.outputs = [image], [embedding]
        model = schema.ModelT()
        model.version, model.description = 3, description
        model.subgraphs, model.buffers = [subgraph], self._buffers
        model.operatorCodes = [
            _operator_code(schema.BuiltinOperator.CONV_2D),
            _operator_code(schema.BuiltinOperator.AVERAGE_POOL_2D),
        ]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _operator_code(builtin: int) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    return code
