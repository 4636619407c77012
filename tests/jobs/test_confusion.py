"""The confusion matrix."""

import numpy as np
import pytest

from coral_learn.jobs.confusion import confusion_matrix

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def test_rows_are_true_classes_and_columns_are_predicted_classes() -> None:
    labels, predictions = np.array([0, 0, 0, 2]), np.array([0, 1, 1, 2])
    assert confusion_matrix(labels, predictions, 3).tolist() == [[1, 2, 0], [0, 0, 0], [0, 0, 1]]


def test_no_photos_give_zeros() -> None:
    nothing = np.zeros(0, np.int64)
    assert confusion_matrix(nothing, nothing, 2).tolist() == [[0, 0], [0, 0]]
