"""Which pictures of a stream count for drift: neighbouring frames show one scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...heads.near_duplicates import NEAR_DUPLICATE_COSINE
from ...tflite.familiarity_note import LOW_FAMILIARITY

_EVERY = 10  # of the pictures of a scene that looks unlike the training


class SceneCounter:
    """Chooses the pictures that count.

    A picture that is nearly the same as the last one that counted adds nothing to what that one
    said, and is passed over. If it looks unlike the training photos, every tenth counts: a camera
    that was turned to a wall shows a single scene for ever.
    """

    def __init__(self, center: NDArray[np.float32]) -> None:
        """Starts with no pictures.

        Args:
            center: The mean of the training embeddings at length 1, [D].
        """
        self._center = center
        self._last: NDArray[np.float32] | None = None
        self._passed_over = 0

    def counts(self, embedding: NDArray[np.float32], familiarity: float) -> bool:
        """Tells whether a picture counts.

        Args:
            embedding: Its embedding, [D].
            familiarity: How familiar it is, in (0, 1].
        """
        direction = self._direction(embedding)
        if self._last is not None and float(direction @ self._last) >= NEAR_DUPLICATE_COSINE:
            self._passed_over += 1
            if familiarity >= LOW_FAMILIARITY or self._passed_over % _EVERY:
                return False
        self._last = direction
        self._passed_over = 0
        return True

    def _direction(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the direction of an embedding from the center, at length 1; zeros if none."""
        relative = _unit(embedding.astype(np.float64)) - self._center
        return _unit(relative).astype(np.float32)


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    values = values / (np.abs(values).max() or 1.0)  # whose square may be infinite
    return values / (np.linalg.norm(values) or 1.0)
