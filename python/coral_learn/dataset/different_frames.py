"""Frames of a camera or a video that differ from the one before them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LEAST_CHANGE = 2.0  # levels of brightness, on average; frames that differ by less are the same
_SIZE = (16, 16)


class DifferentFrames:
    """Tells which of several frames in a row show something new."""

    def __init__(self) -> None:
        self._last: NDArray[np.float64] | None = None

    def is_new(self, frame: Image.Image) -> bool:
        """Tells whether a frame differs from the last new one."""
        small = np.asarray(frame.convert("L").resize(_SIZE), np.float64)
        if self._last is not None and np.abs(small - self._last).mean() < _LEAST_CHANGE:
            return False
        self._last = small
        return True
