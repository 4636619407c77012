"""A forward pass in floating point of the network that tools/builtin_extractor converts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tools.builtin_extractor.network import Convolution


def embed(network: Sequence[Convolution], photo: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Returns the embedding of a photo [224, 224, 3], [1280]."""
    values: NDArray[np.float32] = (photo.astype(np.float32) - np.float32(127)) / np.float32(128)
    shortcut = values
    for layer in network:
        values = convolve(values, layer)
        if layer.shortcut is not None:
            values = values + shortcut
        if not layer.has_relu6:  # the end of a block
            shortcut = values
    return np.asarray(values.mean((0, 1)), np.float64)


def convolve(values: NDArray[np.float32], layer: Convolution) -> NDArray[np.float32]:
    """Returns the output of a convolution with SAME padding, [height, width, channels]."""
    kernel = layer.weights.shape[1]
    padding = [same_padding(size, kernel, layer.stride) for size in values.shape[:2]]
    padded = np.pad(values, [*padding, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(0, 1))
    windows = windows[:: layer.stride, :: layer.stride]
    weights = layer.weights.astype(np.float32)
    if layer.is_depthwise:
        output = np.einsum("hwcij,ijc->hwc", windows, weights[0])
    else:
        output = np.tensordot(windows, weights, axes=([2, 3, 4], [3, 1, 2]))
    output = output + layer.biases.astype(np.float32)
    return np.asarray(np.clip(output, 0, 6) if layer.has_relu6 else output, np.float32)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Returns how many zeros TensorFlow's SAME adds before and after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
