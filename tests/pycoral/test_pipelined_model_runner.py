"""Pipelines of segments: the results, the queues, the errors, and the end of the threads."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support import model_builder
from tests.support.averaging_model import averaging_model
from tests.support.input_shapes import ShapedModel
from tests.support.segments import arithmetic_model, cut_at, reshaping_model
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

from coral_learn.edgetpu import Interpreter, make_interpreter
from coral_learn.edgetpu.pipeline_queue import PipelineQueue
from coral_learn.pycoral.pipeline.pipelined_model_runner import PipelinedModelRunner

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]

TIMEOUT = 60.0
"""What is waited for at most, in seconds, until a test fails instead of hanging."""

TWO = [
    arithmetic_model(["image"], {"double": ("MUL", "image", 2)}),
    arithmetic_model(["double"], {"result": ("ADD", "double", 1)}),
]
# The last segment also reads what the first one made, and one of the inputs of the first.
THREE_WITH_SKIPS = [
    arithmetic_model(
        ["image", "mask"], {"product": ("MUL", "image", "mask"), "early": ("ADD", "mask", 5)}
    ),
    arithmetic_model(
        ["product"], {"more": ("ADD", "product", 100), "unused": ("ADD", "product", 1)}
    ),
    arithmetic_model(
        ["early", "mask", "more"],
        {"sum": ("ADD", "more", "early"), "masked": ("MUL", "more", "mask")},
    ),
]


class HookedInterpreter:
    """An interpreter that calls a function before each run."""

    def __init__(self, interpreter: Interpreter, before_run: Callable[[], object]) -> None:
        self._inner: Any = interpreter
        self._before_run = before_run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def invoke_despite_views(self) -> None:
        self._before_run()
        self._inner.invoke_despite_views()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    gc.collect()
    assert segment_threads() == []


def segment_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("coral-learn")]


def interpreters_for(models: Sequence[bytes], *, allocate: bool = True) -> list[Interpreter]:
    interpreters = [make_interpreter(model) for model in models]
    for interpreter in interpreters if allocate else []:
        interpreter.allocate_tensors()
    return interpreters


def runner_for(models: Sequence[bytes]) -> PipelinedModelRunner:
    return PipelinedModelRunner(interpreters_for(models))


def hooked_runner(
    models: Sequence[bytes], position: int, before_run: Callable[[], object]
) -> PipelinedModelRunner:
    interpreters: list[Any] = interpreters_for(models)
    interpreters[position] = HookedInterpreter(interpreters[position], before_run)
    return PipelinedModelRunner(interpreters)


def row(*values: float) -> NDArray[np.float32]:
    return np.array([values], np.float32)


def in_thread(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Calls a function in a thread, which does not keep a test that fails from ending."""
    future: Future[Any] = Future()

    def call() -> None:
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return future


def drain(runner: PipelinedModelRunner) -> list[dict[str, NDArray[Any]]]:
    results = []
    while (result := runner.pop()) is not None:
        results.append(result)
    return results


def fail_on(*runs: int) -> Callable[[], None]:
    """Returns a function that fails when it is called for one of these times, from 1."""
    calls = iter(range(1, 1_000_000))

    def before_run() -> None:
        if next(calls) in runs:
            raise RuntimeError("the cable is loose")

    return before_run


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


def test_a_list_is_refused() -> None:
    runner: Any = runner_for(TWO)
    with pytest.raises(TypeError, match="dictionary from the name of each input tensor"):
        runner.push([row(1, 2, 3)])


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


@pytest.mark.parametrize("position", [0, 1])
def test_an_error_wakes_a_producer_that_waits(position: int) -> None:
    gate = threading.Event()

    def fail_behind_gate() -> None:
        assert gate.wait(TIMEOUT)
        raise RuntimeError("the cable is loose")

    runner = hooked_runner(TWO, position, fail_behind_gate)
    runner.set_input_queue_size(1)
    pushes = in_thread(push_repeatedly, runner, 1000)
    gate.set()
    with pytest.raises(RuntimeError, match=f"Segment {position} runner error"):
        pushes.result(TIMEOUT)


def push_repeatedly(
    runner: PipelinedModelRunner, times: int, pushed: threading.Semaphore | None = None
) -> None:
    for number in range(times):
        runner.push({"image": row(number, number, number)})
        if pushed is not None:
            pushed.release()
    runner.push({})


def test_a_producer_and_a_consumer_in_threads() -> None:
    runner = runner_for(TWO)
    runner.set_input_queue_size(2)
    runner.set_output_queue_size(3)
    pushes = in_thread(push_repeatedly, runner, 200)
    results = in_thread(drain, runner).result(TIMEOUT)
    pushes.result(TIMEOUT)
    assert [result["result"][0, 0] for result in results] == list(range(1, 401, 2))


@pytest.mark.parametrize("segments", [1, 2, 3])
def test_queues_of_one_hold_two_requests_a_segment_and_one_more(segments: int) -> None:
    models = [TWO[0]] + [
        arithmetic_model([before], {after: ("ADD", before, 1)})
        for before, after in [("double", "b"), ("b", "c")][: segments - 1]
    ]
    runner = runner_for(models)
    runner.set_input_queue_size(1)
    runner.set_output_queue_size(1)
    capacity = 2 * segments + 1
    pushed = threading.Semaphore(0)
    pushes = in_thread(push_repeatedly, runner, capacity + 3, pushed)
    for _ in range(capacity):
        assert pushed.acquire(timeout=TIMEOUT)
    assert not pushed.acquire(timeout=0.2)
    assert runner.pop() is not None
    assert pushed.acquire(timeout=TIMEOUT)
    assert not pushed.acquire(timeout=0.2)
    runner.set_input_queue_size(2)  # while the producer waits
    assert pushed.acquire(timeout=TIMEOUT)
    assert not pushed.acquire(timeout=0.2)
    runner.set_output_queue_size(2)  # while the last segment waits
    assert pushed.acquire(timeout=TIMEOUT)
    assert len(drain(runner)) == capacity + 2
    pushes.result(TIMEOUT)


def test_a_queue_that_is_made_smaller_keeps_what_it_has() -> None:
    runner = runner_for(TWO)
    for _ in range(20):
        runner.push({"image": row(1, 2, 3)})
    runner.set_input_queue_size(1)
    runner.set_output_queue_size(1)
    runner.push({})
    assert len(drain(runner)) == 20


@pytest.mark.parametrize("size", [0, -1])
def test_a_queue_has_at_least_one_place(size: int) -> None:
    runner = runner_for(TWO)
    with pytest.raises(ValueError, match=f"must be at least 1, not {size}"):
        runner.set_input_queue_size(size)
    with pytest.raises(ValueError, match=f"must be at least 1, not {size}"):
        runner.set_output_queue_size(size)


def test_the_threads_end_after_the_last_request() -> None:
    runner = runner_for(TWO)
    threads = segment_threads()
    assert len(threads) == 2
    runner.push({"image": row(1, 2, 3)})
    runner.push({})
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    assert len(drain(runner)) == 1


def test_a_runner_without_requests_goes_away_silently() -> None:
    runner = runner_for(TWO)
    del runner
    assert segment_threads() == []


def test_a_forgotten_runner_ends_and_warns_of_results_that_nobody_took() -> None:
    runner = runner_for(TWO)
    released = [weakref.ref(each) for each in runner.interpreters()]
    for _ in range(3):
        runner.push({"image": row(1, 2, 3)})
    assert runner.pop() is not None
    with pytest.warns(ResourceWarning, match=r"never taken: 2 .*pop\(\)"):
        del runner
    assert segment_threads() == []
    assert [each() for each in released] == [None, None]


def test_a_forgotten_runner_whose_segments_all_wait_ends() -> None:
    runner = runner_for(TWO)
    runner.set_output_queue_size(1)
    for _ in range(10):
        runner.push({"image": row(1, 2, 3)})
    with pytest.warns(ResourceWarning, match="never taken: 10"):
        del runner
    assert segment_threads() == []


def test_a_failed_runner_goes_away_silently() -> None:
    runner = hooked_runner(TWO, 1, fail_on(2))
    released = [weakref.ref(runner.interpreters()[0])]
    for _ in range(2):
        runner.push({"image": row(1, 2, 3)})
    runner.pop()
    with pytest.raises(RuntimeError, match="the cable is loose"):
        runner.pop()
    del runner
    gc.collect()  # the frames that the error has gone through
    assert segment_threads() == []
    assert [each() for each in released] == [None]


def test_a_runner_that_a_segments_own_thread_releases_ends() -> None:
    owners: list[PipelinedModelRunner] = []
    pushed, ended = threading.Event(), threading.Event()

    def release() -> None:
        assert pushed.wait(TIMEOUT)
        owners.clear()
        ended.set()

    owners.append(hooked_runner(TWO, 0, release))
    threads = segment_threads()
    owners[0].push({"image": row(1, 2, 3)})

    def wait_for_the_end() -> None:
        pushed.set()
        assert ended.wait(TIMEOUT)
        for thread in [*threads, *segment_threads()]:
            thread.join(TIMEOUT)
            assert not thread.is_alive()

    with pytest.warns(ResourceWarning, match="never taken: 1"):
        wait_for_the_end()


def test_runners_that_refer_to_themselves_are_collected() -> None:
    runner: Any = runner_for(TWO)
    runner.myself = runner
    runner.push({"image": row(1, 2, 3)})
    del runner
    with pytest.warns(ResourceWarning):
        gc.collect()
    assert segment_threads() == []


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize(
    "ending",
    [
        "",  # results that nobody takes
        "runner.set_output_queue_size(1); [runner.push(tensors) for _ in range(20)]",
        "runner.push({}); runner.pop()",
        "runner.pop(); threading.Thread(target=runner.pop, daemon=True).start()",
        "threading.Thread(target=push_forever, daemon=True).start()",
        "pid = os.fork(); sys.exit() if not pid else None; assert os.waitpid(pid, 0)[1] == 0",
    ],
)
def test_the_process_ends_without_hanging(ending: str, tmp_path: Path) -> None:
    for position, model in enumerate(TWO):
        (tmp_path / f"{position}.tflite").write_bytes(model)
    script = f"""
import os, sys, threading
import numpy as np
from coral_learn.edgetpu import make_interpreter
from coral_learn.pycoral.pipeline.pipelined_model_runner import PipelinedModelRunner

interpreters = [make_interpreter(f"{{position}}.tflite") for position in range(2)]
for interpreter in interpreters:
    interpreter.allocate_tensors()
runner = PipelinedModelRunner(interpreters)
tensors = {{"image": np.zeros((1, 3), np.float32)}}
runner.push(tensors)

def push_forever():
    runner.set_input_queue_size(1)
    while True:
        runner.push(tensors)

{ending}
print("the end")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the end\n"
    assert "Fatal" not in done.stderr


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
