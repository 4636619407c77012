"""Moments of embeddings in memory, and what a fit learns from those of all shards."""

import numpy as np

from ..arrays import RowIndices, SampleWeightVector
from ..embeddings import Embeddings
from . import core
from .shard import Moments
from .sketch import sketch_signs


def moments_of(
    embeddings: Embeddings,
    sample_weights: SampleWeightVector | None,
    sketched: RowIndices,
) -> Moments:
    """Returns the moments of embeddings.

    Args:
        embeddings: [N, D].
        sample_weights: How much each row counts, [N]; None for 1 each.
        sketched: The rows that the sketch is over.

    Raises:
        ValueError: An embedding is not finite.
    """
    stored = core.stored(embeddings)
    sums = core.moments(stored, sample_weights)
    signs = sketch_signs(embeddings.shape[1])
    sketch = core.sketch(stored, sketched, signs, threads=core.num_threads())
    return Moments(*sums, *sketch, len(sketched))


def variation_of(moments: Moments) -> core.Variation:
    """Returns how embeddings vary: their mean, their spread and their principal axes."""
    mean = moments.total / moments.weight
    square = float(moments.squares.sum()) / moments.weight
    # If all rows are the same, rounding leaves about 1e-15 of the squares.
    variance = square - float(mean @ mean)
    spread = float(np.sqrt(variance)) if variance > 1e-12 * square else 1.0
    signs = sketch_signs(len(mean))
    return core.Variation(
        mean, spread, moments.sketch, moments.sketch_total, moments.sketch_rows, signs
    )
