"""The sketch of how embeddings vary, from which the preconditioner of a fit comes."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SKETCH = 24
"""The number of columns of a sketch."""


@lru_cache(maxsize=4)
def sketch_signs(features: int) -> NDArray[np.float32]:
    """Returns random signs, float32 [D, SKETCH]: the same on every computer.

    A sketch is the sum of x (x . signs) over rows x: a product of the matrix of second moments
    with a few vectors, which shows the directions in which the rows vary most.

    Args:
        features: D, the number of features of an embedding.

    Examples:
        >>> from coral_learn.distributed import sketch_signs
        >>> sketch_signs(1280).shape, sketch_signs(1280)[:2, :3].tolist()
        ((1280, 24), ...)
    """
    draws = np.random.PCG64(0).random_raw(features * SKETCH).reshape(features, SKETCH)
    signs = np.where(draws >> np.uint64(63), 1, -1).astype(np.float32)
    signs.flags.writeable = False
    return signs
