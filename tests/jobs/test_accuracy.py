"""What is said about the accuracy of a saved model."""

import pytest

from coral_learn.jobs.accuracy import Accuracy, warn_of_change

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def accuracy_of(test_float: float, test_saved: float, photos: int) -> Accuracy:
    counts = {"train": 80, "validation": 10, "test": photos}
    return Accuracy(1.0, 1.0, test_float, test_saved, counts, (0.0, 1.0), None)


@pytest.mark.parametrize(
    ("is_quantized", "cause"),
    [(True, "quantization changed some close answers"), (False, "not expected of a float model")],
)
def test_a_notable_change_by_saving_is_told_with_its_cause(is_quantized: bool, cause: str) -> None:
    with pytest.warns(UserWarning, match=f"on 10 test photos is 90.0% .* 70.0% .*{cause}"):
        warn_of_change(accuracy_of(0.9, 0.7, 10), is_quantized=is_quantized)


def test_one_answer_that_saving_changed_is_not_notable() -> None:
    warn_of_change(accuracy_of(1 / 6, 2 / 6, 6), is_quantized=True)
    warn_of_change(accuracy_of(0.912, 0.91, 1000), is_quantized=True)
