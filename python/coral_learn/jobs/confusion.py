"""The confusion matrix of a classifier."""

import numpy as np
from numpy.typing import NDArray


def confusion_matrix(
    labels: NDArray[np.int64], answers: NDArray[np.int64], num_classes: int
) -> NDArray[np.int64]:
    """Counts photos by their class and by the model's answer.

    Args:
        labels: The class of each photo, [N].
        answers: The class that the model gives each photo, [N].
        num_classes: The number of classes C.

    Returns:
        The number of photos by class (row) and answer (column), [C, C].
    """
    confusion = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(confusion, (labels, answers), 1)
    return confusion
