"""pycoral's adapter for semantic segmentation."""

import numpy as np
import pytest
from tests.support.input_shapes import ShapedModel

from coral_learn.pycoral.adapters import common, segment
from coral_learn.pycoral.utils.edgetpu import make_interpreter

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def test_the_output_is_a_copy_without_the_batch() -> None:
    interpreter = make_interpreter(ShapedModel([1, 4, 6, 3]).convolve(2, kernel=1).content())
    interpreter.allocate_tensors()
    results = []
    for level in (0, 1):
        common.set_input(interpreter, np.full((4, 6, 3), level, np.float32))
        interpreter.invoke()
        results.append(segment.get_output(interpreter))
    assert [result.shape for result in results] == [(4, 6, 2)] * 2
    assert (results[1] == common.output_tensor(interpreter, 0)[0]).all()
    assert not np.array_equal(results[0], results[1])


def test_a_class_for_each_pixel() -> None:
    interpreter = make_interpreter(ShapedModel([1, 4, 6, 1]).reshape(1, 4, 6).content())
    interpreter.allocate_tensors()
    pixels = np.arange(24, dtype=np.float32).reshape(4, 6, 1)
    common.set_input(interpreter, pixels)
    interpreter.invoke()
    np.testing.assert_array_equal(segment.get_output(interpreter), pixels[:, :, 0])
