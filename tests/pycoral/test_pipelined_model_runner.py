"""Pipelines of segments: their results and their errors."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support import model_builder
from tests.support.averaging_model import averaging_model
from tests.support.input_shapes import ShapedModel
from tests.support.pipelines import (
    THREE_WITH_SKIPS,
    TWO,
    drain,
    fail_on,
    hooked_runner,
    interpreters_for,
    row,
    runner_for,
)
from tests.support.segments import arithmetic_model, cut_at, reshaping_model
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

from coral_learn.edgetpu import make_interpreter
from coral_learn.edgetpu.pipeline_queue import PipelineQueue
from coral_learn.pycoral.pipeline.pipelined_model_runner import PipelinedModelRunner

# No result depends on the processor.
pytestmark = [pytest.mark.usefixtures("_no_segment_runs_on"), pytest.mark.slow_when_emulated]

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]


def test_results_are_those_of_the_whole_model() -> None:
    runner = runner_for(TWO)
    runner.push({"image": row(1, 2, 3)})
    result = runner.pop()
    assert result is not None
    assert list(result) == ["result"]
    np.testing.assert_array_equal(result["result"], row(3, 5, 7))
    runner.push({})
    assert runner.pop() is None
    assert runner.pop() is None


def test_one_interpreter_is_a_pipeline() -> None:
    runner = runner_for(TWO[:1])
    runner.push({"image": row(1, 2, 3)})
    runner.push({})
    [result] = drain(runner)
    np.testing.assert_array_equal(result["double"], row(2, 4, 6))


def test_a_segment_reads_from_any_segment_before_it_and_from_the_inputs() -> None:
    runner = runner_for(THREE_WITH_SKIPS)
    for image in range(10):
        runner.push({"mask": row(1, 2, 3), "image": row(image, image, image)})
    runner.push({})
    results = drain(runner)
    assert len(results) == 10
    for image, result in enumerate(results):
        more = image * row(1, 2, 3) + 100
        assert set(result) == {"sum", "masked"}
        np.testing.assert_array_equal(result["sum"], more + row(6, 7, 8))
        np.testing.assert_array_equal(result["masked"], more * row(1, 2, 3))


def test_only_what_is_read_later_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    passed_on = []
    put = PipelineQueue.put

    def recording_put(queue: PipelineQueue, tensors: dict[str, NDArray[Any]]) -> None:
        passed_on.append(set(tensors))
        put(queue, tensors)

    monkeypatch.setattr(PipelineQueue, "put", recording_put)
    runner = runner_for(THREE_WITH_SKIPS)
    runner.push({"mask": row(1, 2, 3), "image": row(1, 2, 3)})
    runner.push({})
    drain(runner)
    assert passed_on[1:] == [
        {"product", "early", "mask"},
        {"more", "early", "mask"},
        {"sum", "masked"},
    ]


def test_the_segments_of_an_image_classifier() -> None:
    whole = ShapedModel([1, 6, 6, 3]).convolve(4).pool().classify(5)
    content = whole.content()
    image = np.random.default_rng(0).normal(size=(1, 6, 6, 3)).astype(np.float32)
    runner = runner_for(cut_at(content, "mean"))
    runner.push({"image": image})
    result = runner.pop()
    runner.push({})
    assert result is not None
    np.testing.assert_array_equal(result["softmax"], model_builder.run(content, image))


def test_the_runtimes_own_interpreters_are_taken() -> None:
    runner = PipelinedModelRunner([model_builder.make_interpreter(model) for model in TWO])
    runner.push({"image": row(1, 2, 3)})
    runner.push({})
    [result] = drain(runner)
    np.testing.assert_array_equal(result["result"], row(3, 5, 7))


def test_views_of_tensors_do_not_stop_the_pipeline() -> None:
    runner = runner_for(TWO)
    last = runner.interpreters()[1]
    view = last.tensor(last.get_output_details()[0]["index"])()
    for image in (1, 2):
        runner.push({"image": row(image, image, image)})
        assert runner.pop() is not None
    np.testing.assert_array_equal(view, row(5, 5, 5))
    runner.push({})


def test_inputs_are_copied_and_results_are_the_callers_own() -> None:
    runner = runner_for(TWO)
    image = row(1, 2, 3)
    runner.push({"image": image})
    image[:] = 0
    first = runner.pop()
    assert first is not None
    first["result"][:] = -1
    runner.push({"image": row(1, 2, 3)})
    second = runner.pop()
    runner.push({})
    assert second is not None
    np.testing.assert_array_equal(second["result"], row(3, 5, 7))
    np.testing.assert_array_equal(first["result"], row(-1, -1, -1))


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 1, 3)])
def test_the_batch_dimension_may_be_missing(shape: tuple[int, ...]) -> None:
    runner = runner_for(TWO)
    runner.push({"image": row(1, 2, 3).reshape(shape)})
    runner.push({})
    [result] = drain(runner)
    np.testing.assert_array_equal(result["result"], row(3, 5, 7))


def test_a_view_that_is_not_contiguous_is_taken() -> None:
    runner = runner_for(TWO)
    runner.push({"image": row(1, 0, 2, 0, 3)[:, ::2]})
    runner.push({})
    [result] = drain(runner)
    np.testing.assert_array_equal(result["result"], row(3, 5, 7))


def test_the_interpreters_are_returned() -> None:
    interpreters = interpreters_for(TWO)
    runner = PipelinedModelRunner(interpreters)
    assert runner.interpreters() is interpreters


def test_a_runner_needs_an_interpreter() -> None:
    with pytest.raises(ValueError, match="At least one interpreter expected"):
        PipelinedModelRunner([])


def test_segments_in_the_wrong_order_are_refused() -> None:
    reason = (
        "Interpreter 1 can not get its input tensors: no interpreter before it has an output "
        "image; there are double, result"
    )
    with pytest.raises(ValueError, match=reason):
        runner_for(TWO[::-1])


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"image": np.zeros((1, 3))}, "Input should be a list of numpy array of type float32, "),
        ({"image": [1.0, 2.0, 3.0]}, "of type float32, but 'image' is list"),
        ({"picture": row(1, 2, 3)}, "no input picture: its inputs are image"),
        ({"image": row(1), "b": row(1)}, r"Expected input of length 1 \(image\), but got 2"),
        ({"image": row(1, 2)}, r"'image' has the shape \[1, 2\], but the model needs \[1, 3\]"),
        ({"image": np.zeros((3, 3), np.float32)}, r"shape \[3, 3\], but"),
    ],
)
def test_wrong_inputs_are_refused_at_once(tensors: dict[str, Any], reason: str) -> None:
    runner = runner_for(TWO)
    with pytest.raises(ValueError, match=reason):
        runner.push(tensors)
    runner.push({"image": row(1, 2, 3)})  # the pipeline goes on
    assert runner.pop() is not None
    runner.push({})


def test_an_image_with_height_and_width_exchanged_is_refused() -> None:
    runner = runner_for([averaging_model(size=(8, 4))])
    with pytest.raises(ValueError, match=r"shape \[8, 4, 3\], but the model needs \[1, 4, 8, 3\]"):
        runner.push({"image": np.zeros((8, 4, 3), np.uint8)})


def test_lists_in_the_order_of_the_tensors() -> None:
    """As in pycoral 1, whose example still circulates."""
    runner = runner_for(THREE_WITH_SKIPS)
    by_name = {"image": row(1, 2, 3), "mask": row(4, 5, 6)}
    inputs = runner.interpreters()[0].get_input_details()
    outputs = runner.interpreters()[-1].get_output_details()
    runner.push([by_name[details["name"]] for details in inputs])
    lists = runner.pop()
    runner.push(by_name)
    result = runner.pop()
    assert isinstance(lists, list)
    for values, details in zip(lists, outputs, strict=True):
        np.testing.assert_array_equal(values, result[details["name"]])
    with pytest.raises(ValueError, match=r"Expected input of length 2 .*, but got 1"):
        runner.push([row(1, 2, 3)])
    runner.push([])
    assert runner.pop() is None


def test_nothing_can_be_pushed_after_the_end() -> None:
    runner = runner_for(TWO)
    runner.push({"image": row(1, 2, 3)})
    runner.push({})
    for tensors in ({"image": row(1, 2, 3)}, {}):
        with pytest.raises(RuntimeError, match=r"Pipeline was turned off before\."):
            runner.push(tensors)
    assert len(drain(runner)) == 1


def test_a_model_that_is_not_ready_is_an_error_of_pop_and_then_of_push() -> None:
    runner = PipelinedModelRunner(interpreters_for(TWO, allocate=False))
    runner.push({"image": row(1, 2, 3)})
    reason = "Segment 0 runner error: Invoke called on model that is not ready."
    for _ in range(2):
        with pytest.raises(RuntimeError, match=reason):
            runner.pop()
    for tensors in ({"image": row(1, 2, 3)}, {}):
        with pytest.raises(RuntimeError, match=reason):
            runner.push(tensors)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_error_comes_after_the_results_before_it(position: int) -> None:
    runner = hooked_runner(THREE_WITH_SKIPS, position, fail_on(3))
    tensors = {"mask": row(1, 1, 1), "image": row(1, 2, 3)}
    for _ in range(3):
        runner.push(tensors)
    reason = f"^Segment {position} runner error: .*the cable is loose"
    assert runner.pop() is not None
    assert runner.pop() is not None
    with pytest.raises(RuntimeError, match=reason):
        runner.pop()
    with pytest.raises(RuntimeError, match=reason):
        runner.push(tensors)
    with pytest.raises(RuntimeError, match=reason):
        runner.pop()


def test_segments_that_do_not_fit_are_an_error_of_the_second() -> None:
    other = arithmetic_model(["double"], {"result": ("ADD", "double", 1)}, size=4)
    runner = runner_for([TWO[0], other])
    runner.push({"image": row(1, 2, 3)})
    with pytest.raises(RuntimeError, match=r"^Segment 1 runner error: .*imension"):
        runner.pop()


def test_two_edge_tpus_and_the_cpu_work_on_one_request(edge_tpus: EdgeTpus) -> None:
    twin = averaging_model()
    image = np.random.default_rng(0).integers(0, 256, (1, 4, 8, 3), np.uint8)
    with edge_tpus(twin, ["usb", "usb"]) as tpus:
        # Both compiled segments read the image, and the last one what the second made of it.
        interpreters = [make_interpreter(compiled(twin), f"usb:{device}") for device in range(2)]
        interpreters.append(make_interpreter(reshaping_model("means", [1, 1, 1, 3], [1, 3])))
        for interpreter in interpreters:
            interpreter.allocate_tensors()
        del interpreter
        runner = PipelinedModelRunner(interpreters)
        for _ in range(5):
            runner.push({"image": image})
        runner.push({})
        results = drain(runner)
        assert tpus.inferences == [5, 5]
        del runner, interpreters
        assert tpus.open_delegates == 0
    assert len(results) == 5
    for result in results:
        np.testing.assert_array_equal(
            result["reshaped"], model_builder.run(twin, image).reshape(1, 3)
        )


def test_a_device_that_is_unplugged_is_an_error(edge_tpus: EdgeTpus) -> None:
    twin = averaging_model()
    with edge_tpus(twin, unplugged_after={0: 2}) as tpus:
        runner = runner_for([compiled(twin)])
        for _ in range(3):
            runner.push({"image": np.zeros((1, 4, 8, 3), np.uint8)})
        assert runner.pop() is not None
        assert runner.pop() is not None
        with pytest.raises(RuntimeError, match="Segment 0 runner error: the Edge TPU failed"):
            runner.pop()
        del runner
        assert tpus.open_delegates == 0
