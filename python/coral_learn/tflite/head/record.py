"""What an extractor remembers of the head that was cut off it.

The numbers of a quantized head are rounded twice, as stored weights and as logits. Rounded again in
other steps, the head would no longer agree with the classifier that it came from. So the cut leaves
a note of the steps, and of which head they belong to; when the same head is appended again, it has
the same steps.
"""

import hashlib
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..notes import read_note, write_note
from ..quantization import (
    LARGEST_SCALE,
    SMALLEST_LOGIT_STEP,
    SMALLEST_SCALE,
    Quantization,
    QuantizedHead,
    QuantizedLayer,
)
from ..schema import ModelT

Steps: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64]]

_DIGEST = "HEAD_DIGEST"
_STEPS = "HEAD_STEPS"  # scale and zero point of the logits, zero point and scales of the weights


def write_head_record(
    model: ModelT,
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    weight_steps: Steps,
    logit_steps: Steps,
) -> None:
    """Notes the steps of a quantized head that is about to be cut off.

    Args:
        model: Changed in place.
        weights: The head's real weights, [D, C].
        biases: The head's real biases, [C].
        weight_steps: Scales and zero points of the stored weights.
        logit_steps: The same of what the linear layer gives.
    """
    (weight_scales, (weight_zero_point, *_)), (scales, zero_points) = weight_steps, logit_steps
    steps = [scales[0], zero_points[0], weight_zero_point, *weight_scales]
    write_note(model, _DIGEST, _digest(weights, biases))
    write_note(model, _STEPS, np.array(steps, np.float64))


def take_head_record(
    model: ModelT,
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    embedding: Quantization,
) -> QuantizedHead | None:
    """Removes the note and returns the head in its old steps, if it is this head's note.

    Args:
        model: Changed in place.
        weights: [D, C].
        biases: [C].
        embedding: Of the tensor that the head will read.

    Returns:
        The head as it was stored; None if there is no note, or that of another head.
    """
    digest, steps = read_note(model, _DIGEST, np.uint8, 1), read_note(model, _STEPS, np.float64, 1)
    write_note(model, _DIGEST, None)
    write_note(model, _STEPS, None)
    if digest is None or steps is None or not np.array_equal(digest, _digest(weights, biases)):
        return None
    if not _are_possible(steps, embedding, classes=len(biases)):
        return None
    (scale, zero_point, weight_zero_point), weight_scales = steps[:3], steps[3:]
    layer = QuantizedLayer.of_scales(
        weights, biases, embedding, weight_scales.astype(np.float32), int(weight_zero_point)
    )
    return QuantizedHead(layer, Quantization(embedding.dtype, float(scale), int(zero_point)))


def _are_possible(steps: NDArray[Any], embedding: Quantization, classes: int) -> bool:
    """Tells whether a note holds what a head can have; the file may come from anywhere."""
    scale_counts = (1, classes) if embedding.dtype == np.int8 else (1,)
    if steps.shape not in [(3 + count,) for count in scale_counts]:
        return False
    zero_points, scales = steps[1:3], steps[[0, *range(3, len(steps))]]
    limits = np.iinfo(embedding.dtype)
    return bool(
        ((limits.min <= zero_points) & (zero_points <= limits.max)).all()
        and ((scales >= SMALLEST_SCALE) & (scales <= LARGEST_SCALE)).all()
        and scales[0] >= SMALLEST_LOGIT_STEP
    )


def _digest(weights: NDArray[np.float32], biases: NDArray[np.float32]) -> NDArray[np.uint8]:
    content = hashlib.sha256(np.ascontiguousarray(weights).data)
    content.update(np.ascontiguousarray(biases).data)
    return np.frombuffer(content.digest(), np.uint8)
