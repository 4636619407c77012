"""Moving a head from the uint8 copy of an embedding to the int8 embedding itself.

A model with int8 inside can end in a QUANTIZE to uint8, as the built-in extractor does. A head that
was trained on it then computes in uint8, for which TensorFlow Lite Micro has no kernels.
"""

from __future__ import annotations

import numpy as np

from ...errors import ModelError
from ..file import ModelFile
from ..layers import add_output_conversion, add_reshape, add_softmax
from ..linear_layer import LinearLayer, find_linear_layers
from ..nodes import Tensor
from ..output_kind import OutputKind
from ..pruning import prune
from ..quantization import Quantization, stored_range
from .append import add_linear_layer
from .quantized import quantize_head
from .read import read_head


def with_int8_head(model: ModelFile) -> ModelFile | None:
    """Returns a classifier whose head computes in int8 and not in uint8.

    The weights get a scale of their own, since int8 weights are symmetric; the logits keep theirs.
    The input and the output keep their types.

    Args:
        model: A classifier.

    Returns:
        The new classifier; None if the head does not read a uint8 copy of an int8 embedding, or is
        no softmax regression.
    """
    try:
        layers = find_linear_layers(model.graph)
        weights, biases, labels = read_head(model)
    except ModelError:
        return None
    embedding = _int8_embedding(model, layers[0])
    logits = layers[0].activation_input.quantization
    if embedding is None or embedding.quantization is None or logits is None:
        return None
    graph = model.graph.copy()
    graph = prune(graph, graph.tensors[embedding.index])
    [source] = graph.outputs
    head = quantize_head(weights, biases, embedding.quantization)
    # XNNPACK rejects layers whose integer sums have 256 times the scale of their output.
    scale = max(logits.scale, float(head.layer.bias_scales.max()) / 128)
    shift = stored_range(np.dtype(np.int8))[0]
    head = head._replace(logits=Quantization(np.dtype(np.int8), scale, logits.zero_point + shift))
    found = add_linear_layer(graph, source, weights, biases, head)
    if len(source.shape) != 2:
        found = add_reshape(graph, "head/reshaped", found, [1, len(biases)])
    probabilities = add_softmax(graph, "head/probabilities", found)
    graph.set_output(add_output_conversion(graph, "head/output", probabilities))
    return ModelFile.of_graph(graph, labels, name=model.name)


def _int8_embedding(model: ModelFile, layer: LinearLayer) -> Tensor | None:
    """Returns the int8 tensor of which the head reads a uint8 copy; None if there is none."""
    copy = model.graph.producers.get(layer.embedding)
    if layer.kind is not OutputKind.PROBABILITIES or layer.embedding.type_name != "uint8":
        return None
    if copy is None or copy.name != "QUANTIZE" or copy.inputs[0] is None:
        return None
    source = copy.inputs[0]
    return source if source.type_name == "int8" else None
