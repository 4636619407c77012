"""The conversion: from weights in floating point to a .tflite file that computes with int8."""

import numpy as np

from coral_learn.tflite.metadata import EMBEDDING, METADATA_ENTRY
from coral_learn.tflite.metadata_format import (
    IMAGE_PROPERTIES,
    NORMALIZATION_OPTIONS,
    RGB,
    encode_metadata,
)

from .flatbuffer import write_model
from .graph import (
    ADD,
    CONV_2D,
    DEPTHWISE_CONV_2D,
    MEAN,
    MEAN_OPTIONS,
    QUANTIZE,
    Graph,
    Tensor,
    convolution_options,
    depthwise_options,
)
from .network import EMBEDDING_RANGE, FEATURES, INPUT_SIZE, Convolution, convolutions
from .quantization import Quantization, quantization_of, quantize_filters
from .weights import Weights

_NAME = "EfficientNet-Lite0"
_AUTHOR = "Google (network and training), ML Illustrated (weights in PyTorch's format)"
_LICENSE = "Apache-2.0"
_PIXEL_MEAN, _PIXEL_STD = 127, 128  # of the training: real value = (pixel - 127) / 128
_UINT8_ABOVE_INT8 = 128  # a uint8 stands for the same real value as the int8 that is 128 less


def convert(weights: Weights) -> bytes:
    """Returns the extractor as a .tflite file: uint8 [1, 224, 224, 3] to [1, 1, 1, 1280]."""
    graph = Graph()
    pixels = Quantization(1 / _PIXEL_STD, _PIXEL_MEAN - _UINT8_ABOVE_INT8)
    image = (1, INPUT_SIZE, INPUT_SIZE, 3)
    source = graph.add_tensor(_as_uint8("image", image, pixels))
    source = graph.add_operator(QUANTIZE, [source], _computed("pixels", image, pixels))
    block_input = source
    for convolution in convolutions(weights):
        source = _add_convolution(graph, source, convolution)
        if convolution.sum_range is not None:
            shape = graph.tensors[source].shape
            quantization = quantization_of(*convolution.sum_range)
            total = _computed(f"{convolution.name}/sum", shape, quantization)
            source = graph.add_operator(ADD, [block_input, source], total)
        if not convolution.has_relu6:
            block_input = source
    _add_pooling(graph, source)
    return write_model(
        graph,
        description=f"{_NAME}, embedding extractor",
        metadata={METADATA_ENTRY.decode(): _metadata()},
    )


def _add_convolution(graph: Graph, source: int, convolution: Convolution) -> int:
    """Adds a convolution, and returns the index of its output."""
    scales = graph.tensors[source].scales
    assert scales is not None  # all computed tensors have them
    axis = 3 if convolution.is_depthwise else 0
    filters = quantize_filters(convolution.weights, convolution.biases, float(scales[0]), axis)
    name = convolution.name
    inputs = [
        source,
        graph.add_tensor(
            Tensor(
                f"{name}/weights",
                filters.weights.shape,
                "int8",
                filters.scales,
                axis=axis,
                values=filters.weights,
            )
        ),
        graph.add_tensor(
            Tensor(
                f"{name}/biases",
                filters.biases.shape,
                "int32",
                filters.bias_scales,
                values=filters.biases,
            )
        ),
    ]
    _, height, width, _ = graph.tensors[source].shape
    stride = convolution.stride
    shape = (1, -(-height // stride), -(-width // stride), len(filters.biases))
    output = _computed(name, shape, quantization_of(*convolution.range))
    if convolution.is_depthwise:
        return graph.add_operator(DEPTHWISE_CONV_2D, inputs, output, depthwise_options(stride))
    options = convolution_options(stride, has_relu6=convolution.has_relu6)
    return graph.add_operator(CONV_2D, inputs, output, options)


def _add_pooling(graph: Graph, source: int) -> None:
    """Adds the mean over all places, as uint8."""
    axes = Tensor("pooling/axes", (2,), "int32", values=np.array([1, 2], np.int32))
    shape, quantization = (1, 1, 1, FEATURES), quantization_of(*EMBEDDING_RANGE)
    pooled = _computed("pooling", shape, quantization)
    source = graph.add_operator(MEAN, [source, graph.add_tensor(axes)], pooled, MEAN_OPTIONS)
    graph.add_operator(QUANTIZE, [source], _as_uint8(EMBEDDING, shape, quantization))


def _computed(name: str, shape: tuple[int, ...], quantization: Quantization) -> Tensor:
    scales = np.array([quantization.scale], np.float32)
    return Tensor(name, shape, "int8", scales, quantization.zero_point)


def _as_uint8(name: str, shape: tuple[int, ...], quantization: Quantization) -> Tensor:
    computed = _computed(name, shape, quantization)
    return computed._replace(dtype="uint8", zero_point=computed.zero_point + _UINT8_ABOVE_INT8)


def _metadata() -> bytes:
    """Returns metadata that mark the file as an extractor, and say how the pixels are stored."""
    normalization = {"mean": [_PIXEL_MEAN], "std": [_PIXEL_STD]}
    image = {
        "name": b"image",
        "content": {"content_properties": (IMAGE_PROPERTIES, {"color_space": RGB})},
        "process_units": [{"options": (NORMALIZATION_OPTIONS, normalization)}],
    }
    described = {
        "name": _NAME.encode(),
        "subgraph_metadata": [
            {
                "input_tensor_metadata": [image],
                "output_tensor_metadata": [{"name": EMBEDDING.encode()}],
            }
        ],
        "author": _AUTHOR.encode(),
        "license": _LICENSE.encode(),
        "min_parser_version": b"1.0.0",
    }
    return encode_metadata(described)
