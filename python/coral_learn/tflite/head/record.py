"""The note in an extractor about the head that was cut off from it.

A quantized head rounds twice: its weights and its logits. If the head were rounded again with other
scales, it would no longer agree with the classifier that it came from. Therefore the cut stores a
note with the scales and a digest of the head. If the same head is appended again, it gets the same
scales.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import BiasVector, WeightColumns
from ...errors import ModelError
from .. import schema
from ..graph import Graph
from ..linear_layer import LinearLayer, logit_scale, read_linear_layer
from ..notes import read_note, write_note
from ..quantization import MAX_SCALE, Quantization
from .quantized import MIN_LOGIT_SCALE, QuantizedHead, QuantizedLayer

_DIGEST = "HEAD_DIGEST"
_SCALES = "HEAD_STEPS"  # scale and zero point of the logits, zero point and scales of the weights


def record_head(model: schema.ModelT, graph: Graph, layer: LinearLayer) -> None:
    """Stores the scales of a quantized head in a model from which it was cut off.

    No note is stored for a head that is not quantized, or that cannot be read and thus never be
    appended again.

    Args:
        model: The extractor, which is changed.
        graph: The classifier.
        layer: The linear layer of its head.
    """
    logits = layer.activation_input
    if not layer.weights.type_name == logits.type_name != "float32":
        return
    try:
        weights, biases = read_linear_layer(graph, layer)
        weight_scales, (weight_zero_point, *_) = layer.weights.scales
        logit_scales, logit_zero_points = logits.scales
        scales = [
            (logit_scales * layer.softmax_beta)[0],
            logit_zero_points[0],
            weight_zero_point,
            *(weight_scales * logit_scale(graph, layer)),
        ]
    except ModelError:
        return
    write_note(model, _DIGEST, _digest(weights, biases))
    write_note(model, _SCALES, np.array(scales, np.float64))


def take_recorded_head(
    model: schema.ModelT,
    weights: WeightColumns,
    biases: BiasVector,
    embedding: Quantization,
) -> QuantizedHead | None:
    """Removes the note and returns the head with its old scales, if it is the same head.

    Args:
        model: The extractor, which is changed.
        weights: The weights of the head to append, [D, C].
        biases: The biases of the head, [C].
        embedding: The quantization of the tensor that it will read.

    Returns:
        The head as it was stored; None if there is no note, or the note of another head.
    """
    digest = read_note(model, _DIGEST, np.uint8, 1)
    scales = read_note(model, _SCALES, np.float64, 1)
    write_note(model, _DIGEST, None)
    write_note(model, _SCALES, None)
    if digest is None or scales is None or not np.array_equal(digest, _digest(weights, biases)):
        return None
    if not _are_possible(scales, embedding, classes=len(biases)):
        return None
    (scale, zero_point, weight_zero_point), weight_scales = scales[:3], scales[3:]
    layer = QuantizedLayer.of_scales(
        weights, biases, embedding, weight_scales.astype(np.float32), int(weight_zero_point)
    )
    return QuantizedHead(layer, Quantization(embedding.dtype, float(scale), int(zero_point)))


def _are_possible(noted: NDArray[Any], embedding: Quantization, classes: int) -> bool:
    """Tells whether a head can have the noted scales, because the file may be from any source."""
    scale_counts = (1, classes) if embedding.dtype == np.int8 else (1,)
    if noted.shape not in [(3 + count,) for count in scale_counts]:
        return False
    zero_points, scales = noted[1:3], noted[[0, *range(3, len(noted))]]
    limits = np.iinfo(embedding.dtype)
    return bool(
        ((limits.min <= zero_points) & (zero_points <= limits.max)).all()
        and ((scales > 0) & (scales <= MAX_SCALE)).all()
        and scales[0] >= MIN_LOGIT_SCALE
    )


def _digest(weights: WeightColumns, biases: BiasVector) -> NDArray[np.uint8]:
    digest = hashlib.sha256(np.ascontiguousarray(weights).data)
    digest.update(np.ascontiguousarray(biases).data)
    return np.frombuffer(digest.digest(), np.uint8)
