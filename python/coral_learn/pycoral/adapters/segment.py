"""Functions that work with a model for semantic segmentation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...edgetpu.runtime import Interpreter
from .common import output_tensor


def get_output(interpreter: Interpreter) -> NDArray[Any]:
    """Returns a copy of the model's output, not dequantized.

    Args:
        interpreter: The interpreter, after a run.

    Returns:
        The class of each pixel, [height, width], if the model ends in an argmax; else a score of
        each class for each pixel, [height, width, classes].
    """
    return np.array(output_tensor(interpreter, 0)[0])
