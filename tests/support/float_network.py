"""EfficientNet-Lite0 in floating point, written apart from the converter that it checks."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
Weights: TypeAlias = Mapping[str, NDArray[Any]]

# Repeats, kernel, stride, expansion, channels in, channels out.
BLOCKS = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


def embedding(weights: Weights, image: NDArray[np.uint8]) -> Array:
    """Returns the embedding [1280] of a photo [224, 224, 3]."""
    x: Array = (image.astype(np.float32) - 127) / 128
    x = relu6(normalize(weights, "_bn0", convolve(x, weights["_conv_stem.weight"], stride=2)))
    index = 0
    for repeats, kernel, first_stride, expansion, channels_in, channels_out in BLOCKS:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            block = f"_blocks.{index}."
            y = x
            if expansion > 1:
                y = convolve(y, weights[f"{block}_expand_conv.weight"])
                y = relu6(normalize(weights, f"{block}_bn0", y))
                assert y.shape[-1] == expansion * (channels_in if repeat == 0 else channels_out)
            filters = weights[f"{block}_depthwise_conv.weight"]
            assert filters.shape[-2:] == (kernel, kernel)
            y = relu6(normalize(weights, f"{block}_bn1", convolve_depthwise(y, filters, stride)))
            y = convolve(y, weights[f"{block}_project_conv.weight"])
            y = normalize(weights, f"{block}_bn2", y)
            assert y.shape[-1] == channels_out
            x = y if repeat == 0 else x + y
            index += 1
    x = relu6(normalize(weights, "_bn1", convolve(x, weights["_conv_head.weight"])))
    return np.asarray(x.mean(axis=(0, 1)))


def class_scores(weights: Weights, features: Array) -> Array:
    """Returns the logits of ImageNet's 1000 classes [1000] for an embedding."""
    return np.asarray(weights["_fc.weight"] @ features + weights["_fc.bias"])


def convolve(x: Array, filters: Array, stride: int = 1) -> Array:
    """Convolves [h, w, I] with filters [O, I, k, k] and SAME padding: one product of matrices."""
    outputs, _, kernel, _ = filters.shape
    patches = np.concatenate(_shifted(x, kernel, stride), axis=-1)
    height, width, values = patches.shape
    columns = filters.transpose(2, 3, 1, 0).reshape(values, outputs)
    return np.asarray(patches.reshape(-1, values) @ columns).reshape(height, width, outputs)


def convolve_depthwise(x: Array, filters: Array, stride: int) -> Array:
    """Convolves each channel of [h, w, C] with a filter of its own, from [C, 1, k, k]."""
    kernel = filters.shape[-1]
    each_place = filters.reshape(-1, kernel * kernel).T
    return np.asarray(sum(map(np.multiply, _shifted(x, kernel, stride), each_place)))


def _shifted(x: Array, kernel: int, stride: int) -> list[Array]:
    """Returns what each place of the kernel sees, row by row, as [h', w', C]."""
    height, width, _ = x.shape
    sizes = (-(-height // stride), -(-width // stride))
    pads = [
        max((size - 1) * stride + kernel - full, 0)
        for size, full in zip(sizes, (height, width), strict=True)
    ]
    # TensorFlow puts the odd pixel of the padding below and to the right.
    padded = np.pad(x, [*((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    return [
        padded[i : i + sizes[0] * stride : stride, j : j + sizes[1] * stride : stride][
            : sizes[0], : sizes[1]
        ]
        for i in range(kernel)
        for j in range(kernel)
    ]


def normalize(weights: Weights, name: str, x: Array) -> Array:
    """Applies a batch normalization."""
    mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    normalized = (x - mean) / np.sqrt(variance + np.float32(1e-3))
    return np.asarray(normalized * weights[f"{name}.weight"] + weights[f"{name}.bias"])


def relu6(x: Array) -> Array:
    """Limits values to [0, 6]."""
    return np.clip(x, 0, 6)
