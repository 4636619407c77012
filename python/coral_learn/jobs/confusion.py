"""The confusion matrix of a classifier."""

import numpy as np
from numpy.typing import NDArray


def confusion_matrix(
    labels: NDArray[np.int64], answers: NDArray[np.int64], num_classes: int
) -> NDArray[np.int64]:
    """Counts photos by true class and predicted class.

    Args:
        labels: The true class of each photo, [N].
        answers: The class that the model predicts for each photo, [N].
        num_classes: The number of classes C.

    Returns:
        The number of photos by true class (row) and predicted class (column), [C, C].
    """
    confusion = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(confusion, (labels, answers), 1)
    return confusion
