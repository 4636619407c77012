"""The fingerprint of an extractor: its embeddings of drawn pictures, by which weights are compared.

A model that is compiled for the Edge TPU has the same weights as before, but other bytes, and it
rounds differently. So files cannot be compared, but what they compute can.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..extraction.extractor import EmbeddingExtractor
from ..tflite.file import ModelFile

PICTURES = 8
"""The number of drawn pictures."""

MAX_DISTANCE = 0.25
"""Extractors agree up to here; see :func:`distance`."""

_SEED = 20261126
_SQUARES = 16  # of a picture, in a row


def fingerprint(model: ModelFile, device: str | None = None) -> NDArray[np.float32]:
    """Returns the embeddings of drawn pictures, float32 [PICTURES, D], in real units.

    Args:
        model: The extractor.
        device: See :class:`coral_learn.EmbeddingExtractor`.

    Raises:
        ModelError: The model is no extractor.
        EdgeTpuError: The device failed.
    """
    with EmbeddingExtractor(model, device=device) as extractor:
        pictures = drawn_pictures(*extractor.input_size)
        return np.asarray(extractor.extract(pictures), np.float32)


def drawn_pictures(width: int, height: int) -> list[Image.Image]:
    """Returns pictures of squares in random colors, the same on every machine and version."""
    # The stream of RandomState never changes, unlike that of a Generator.
    colors = np.random.RandomState(_SEED).randint(
        0, 256, (PICTURES, _SQUARES, _SQUARES, 3), dtype=np.uint8
    )
    rows = np.arange(height) * _SQUARES // height
    columns = np.arange(width) * _SQUARES // width
    return [Image.fromarray(each[rows][:, columns]) for each in colors]


def distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Returns how far apart two extractors are: about 0 for the same weights, 1 for others.

    It is the distance of the two embeddings of a picture, relative to how far the embeddings of
    different pictures are apart; the median over the pictures. Infinite for another number of
    features.
    """
    if one.shape != other.shape:
        return float("inf")
    apart = np.linalg.norm(one - other, axis=1)
    spread = (_spread(one) + _spread(other)) / 2
    return float(np.median(apart) / max(spread, 1e-12))


def _spread(embeddings: NDArray[np.float32]) -> float:
    """Returns the root mean square distance of embeddings of different pictures."""
    variance = ((embeddings - embeddings.mean(axis=0)) ** 2).sum(axis=1).mean()
    return float(np.sqrt(2 * variance))
