"""Cutting a classifier whose last convolution runs before the pooling, as in SqueezeNet and NiN.

The average over the image and a linear layer can change places. So the average of what the
convolution reads is an embedding, and the convolution's weights are a head for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import schema
from .graph import Graph
from .linear_layer import LinearLayer
from .nodes import Tensor


def is_pooled_later(tensor: Tensor, layers: Sequence[LinearLayer]) -> bool:
    """Tells whether a last linear layer reads a tensor at every place and is averaged afterwards.

    Args:
        tensor: A tensor of a classifier.
        layers: The last linear layers of the classifier.
    """
    return any(layer.embedding is tensor and layer.is_pooled for layer in layers)


def add_pooling(graph: Graph, features: Tensor) -> Tensor:
    """Adds the average of features over all places in the image, and returns it.

    Args:
        graph: The graph to change.
        features: The features of each place, [1, ..., D].

    Returns:
        The average, [1, D], which is stored in the same way as the features.
    """
    places = len(features.shape) - 2
    axes = graph.add_tensor("embedding/axes", [places], np.int32, values=range(1, 1 + places))
    pooled = graph.add_result(
        "embedding/pooled", [1, features.shape[-1]], features.dtype, features.quantization
    )
    graph.add_operator(
        schema.BuiltinOperator.MEAN,
        [features, axes],
        [pooled],
        options=schema.ReducerOptionsT(),
        version=2 if features.dtype == np.int8 else 1,
    )
    return pooled
