"""How many photos it takes to say how good a model is."""

import numpy as np
from numpy.typing import NDArray

MIN_TEST_PHOTOS = 50
"""With fewer test photos, an accuracy says little."""

_MIN_TEST_PHOTOS_OF_A_CLASS = 10


def is_small_test(tested: NDArray[np.int64], num_classes: int) -> bool:
    """Tells whether a test is too small for a trustworthy accuracy.

    Args:
        tested: The class of each test photo.
        num_classes: The number of classes.
    """
    of_class = np.bincount(tested, minlength=num_classes)
    return len(tested) < MIN_TEST_PHOTOS or of_class.min() < _MIN_TEST_PHOTOS_OF_A_CLASS
