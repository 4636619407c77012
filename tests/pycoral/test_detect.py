"""pycoral's adapter for detection, on a small model with the real post-processing operator."""

import itertools
import pickle
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.support.averaging_model import averaging_model
from tests.support.detection_model import (
    MIN_SCORE,
    OUTPUTS,
    SIZE,
    detection_model,
    quarters_image,
)

from coral_learn.pycoral.adapters import common, detect
from coral_learn.pycoral.adapters.detect import BBox, Object
from coral_learn.pycoral.utils.edgetpu import make_interpreter
from coral_learn.tflite.tree import pack, unpack

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

# Class 0 in the upper left, class 1 in the lower right; the other quarters are below MIN_SCORE.
COLORS = [(0, 204, 0), (0, 0, 0), (0, 10, 0), (0, 51, 102)]
EXPECTED = [Object(0, 0.8, BBox(0, 0, 6, 4)), Object(1, 0.4, BBox(6, 4, 12, 8))]
TF1 = ("boxes", "classes", "scores", "count")
TF2 = ("scores", "boxes", "count", "classes")
TF2_SIGNATURE = {
    "output_0": "count",
    "output_1": "scores",
    "output_2": "classes",
    "output_3": "boxes",
}


def found(model: bytes, threshold: float = 0.0) -> list[Object]:
    interpreter = make_interpreter(model)
    interpreter.allocate_tensors()
    common.set_input(interpreter, quarters_image(COLORS))
    interpreter.invoke()
    return detect.get_objects(interpreter, threshold)


def assert_objects(objects: Sequence[Object], expected: Sequence[Object] = EXPECTED) -> None:
    assert [(each.id, each.bbox) for each in objects] == [(each.id, each.bbox) for each in expected]
    np.testing.assert_allclose(
        [each.score for each in objects], [each.score for each in expected], atol=1e-6
    )


@pytest.mark.parametrize("order", [TF1, TF2])
def test_the_order_of_the_outputs_is_known_by_their_shapes(order: Sequence[str]) -> None:
    assert_objects(found(detection_model(order)))


@pytest.mark.parametrize("order", list(itertools.permutations(OUTPUTS)))
@pytest.mark.parametrize("signature", [TF2_SIGNATURE, {f"output_{i}": TF1[i] for i in range(4)}])
def test_the_names_of_a_signature_count_in_every_order(
    signature: Mapping[str, str], order: Sequence[str]
) -> None:
    assert_objects(found(detection_model(order, signature)))
    backwards = dict(sorted(signature.items(), reverse=True))
    assert_objects(found(detection_model(order, backwards)))


def test_a_signature_with_telling_names() -> None:
    names = ["detection_boxes", "detection_classes", "detection_scores", "num_detections"]
    signature = dict(zip(names, OUTPUTS, strict=True))
    for order in (TF1, TF2, ("classes", "scores", "count", "boxes")):
        assert_objects(found(detection_model(order, signature)))


def test_results_are_plain_numbers() -> None:
    [first, _] = found(detection_model())
    assert [type(each) for each in first] == [int, float, BBox]
    assert {type(each) for each in first.bbox} == {int}
    assert pickle.loads(pickle.dumps(first)) == first


def test_the_threshold_is_the_lowest_score() -> None:
    model = detection_model()
    for threshold, count in ((-np.inf, 2), (MIN_SCORE, 2), (0.41, 1), (0.81, 0)):
        assert len(found(model, threshold)) == count
    [first, _] = found(model)
    assert len(found(model, first.score)) == 1


def test_boxes_fit_the_image_before_it_was_resized() -> None:
    interpreter = make_interpreter(detection_model())
    interpreter.allocate_tensors()
    width, height = SIZE
    large = Image.fromarray(quarters_image(COLORS)).resize(
        (width * 10, height * 10), Image.Resampling.NEAREST
    )
    _, scale = common.set_resized_input(
        interpreter, large.size, lambda size: large.resize(size, Image.Resampling.NEAREST)
    )
    interpreter.invoke()
    boxes = [each.bbox for each in detect.get_objects(interpreter, image_scale=scale)]
    assert boxes == [each.bbox.scale(10, 10) for each in EXPECTED]


def test_the_model_runs_again_while_results_are_kept() -> None:
    interpreter = make_interpreter(detection_model())
    interpreter.allocate_tensors()
    kept = []
    for _ in range(3):
        common.set_input(interpreter, quarters_image(COLORS))
        interpreter.invoke()
        kept.append(detect.get_objects(interpreter))
    common.set_input(interpreter, quarters_image([(0, 0, 0)] * 4))
    interpreter.invoke()
    assert detect.get_objects(interpreter) == []
    for objects in kept:
        assert_objects(objects)


def test_a_model_that_detects_nothing_is_refused() -> None:
    interpreter = make_interpreter(averaging_model())
    interpreter.allocate_tensors()
    interpreter.invoke()
    with pytest.raises(ValueError, match=r"the model's outputs are output_0 \[1, 1, 1, 3\], but"):
        detect.get_objects(interpreter)


def test_a_model_with_outputs_in_an_unknown_order_is_refused() -> None:
    with pytest.raises(ValueError, match=r"output_0 \[1\], output_1 \[1, 6, 4\], output_2"):
        found(detection_model(("count", "boxes", "scores", "classes")))


def test_a_model_with_two_signatures_is_refused() -> None:
    model = unpack(detection_model(signature=TF2_SIGNATURE))
    second = unpack(detection_model(signature=TF2_SIGNATURE)).signatureDefs[0]
    second.signatureKey = b"second"
    model.signatureDefs.append(second)
    with pytest.raises(ValueError, match=r"one signature\. This one has serving_default, second"):
        found(pack(model))


coordinates = st.integers(-100, 100)
boxes = st.builds(BBox, coordinates, coordinates, coordinates, coordinates)
valid_boxes = st.builds(
    lambda x, y, width, height: BBox(x, y, x + width, y + height),
    *(coordinates, coordinates, st.integers(0, 50), st.integers(0, 50)),
)


class TestBBox:
    def test_sizes(self) -> None:
        box = BBox(10, 20, 13, 25)
        assert (box.width, box.height, box.area, box.valid) == (3, 5, 15, True)
        assert not BBox(1, 0, 0, 5).valid

    def test_moving(self) -> None:
        assert BBox(1, 2, 10, 20).scale(3, 4) == BBox(3, 8, 30, 80)
        assert BBox(1, 2, 10, 20).translate(10, 20) == BBox(11, 22, 20, 40)
        assert BBox(1.9, -2.9, 3.1, 4).map(int) == BBox(1, -2, 3, 4)

    @given(a=boxes, b=boxes)
    def test_union_contains_both_and_intersection_is_in_both(self, a: BBox, b: BBox) -> None:
        union, shared = BBox.union(a, b), BBox.intersect(a, b)
        for each in (a, b):
            assert BBox.intersect(union, each) == each
            assert BBox.union(shared, each) == each

    @given(a=valid_boxes, b=valid_boxes)
    def test_iou(self, a: BBox, b: BBox) -> None:
        """The number of unit squares in both boxes over the number in at least one."""

        def squares(box: BBox) -> set[tuple[int, int]]:
            return set(itertools.product(range(box.xmin, box.xmax), range(box.ymin, box.ymax)))

        shared, covered = squares(a) & squares(b), squares(a) | squares(b)
        expected = len(shared) / len(covered) if covered else 0
        assert BBox.iou(a, b) == BBox.iou(b, a) == pytest.approx(expected)
