"""Pipelines of segments: their queues, and the end of their threads."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from tests.support.pipelines import (
    TIMEOUT,
    TWO,
    drain,
    fail_on,
    hooked_runner,
    in_thread,
    row,
    runner_for,
    segment_threads,
)
from tests.support.segments import arithmetic_model

from coral_learn.pycoral.pipeline.pipelined_model_runner import PipelinedModelRunner

# No result depends on the processor.
pytestmark = [pytest.mark.usefixtures("_no_segment_runs_on"), pytest.mark.slow_when_emulated]


@pytest.mark.parametrize("position", [0, 1])
def test_an_error_wakes_a_producer_that_waits(position: int) -> None:
    gate = threading.Event()

    def fail_behind_gate() -> None:
        assert gate.wait(TIMEOUT)
        raise RuntimeError("the cable is loose")

    runner = hooked_runner(TWO, position, fail_behind_gate)
    runner.set_input_queue_size(1)
    pushed = threading.Semaphore(0)
    pushes = in_thread(push_repeatedly, runner, 1000, pushed)
    for _ in range(2 * position + 2):
        assert pushed.acquire(timeout=TIMEOUT)
    assert not pushed.acquire(timeout=0.2)
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
    with pytest.warns(ResourceWarning, match=r"never taken: 2.*pop\(\)"):
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
        pytest.param(
            "pid = os.fork(); sys.exit() if not pid else None; assert os.waitpid(pid, 0)[1] == 0",
            marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
        ),
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
