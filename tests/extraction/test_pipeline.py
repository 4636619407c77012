"""Threads of the extraction: order, bounded memory, errors and Ctrl-C."""

import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from coral_learn.extraction.pipeline import prepare_and_run


def extraction_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "coral-learn" in thread.name]


def same(item: int) -> int:
    return item


def test_results_are_in_order_whichever_photo_is_slow() -> None:
    def prepare(item: int) -> int:
        time.sleep(0.02 if item % 7 == 0 else 0)
        return item

    def run(item: int) -> int:
        time.sleep(0.02 if item % 5 == 0 else 0)
        return item * 10

    results = list(prepare_and_run(prepare, run, range(60), preparers=3, runners=2))
    assert results == list(range(0, 600, 10))
    assert extraction_threads() == []


def test_items_are_taken_only_a_few_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = prepare_and_run(same, same, items(), preparers=2, runners=1)
    for given in itertools.islice(results, 500):
        assert taken - given <= 12
    results.close()
    assert extraction_threads() == []


def test_items_are_prepared_side_by_side_and_run_side_by_side() -> None:
    preparers, runners = threading.Barrier(4), threading.Barrier(4)

    def prepare(item: int) -> int:
        preparers.wait(60)
        return item

    def run(item: int) -> int:
        runners.wait(60)
        return item

    results = prepare_and_run(prepare, run, range(40), preparers=4, runners=4)
    assert list(results) == list(range(40))


def test_the_next_item_is_prepared_while_one_runs() -> None:
    second = threading.Event()

    def prepare(item: int) -> int:
        if item == 1:
            second.set()
        return item

    def run(item: int) -> int:
        assert second.wait(60)
        return item

    assert list(prepare_and_run(prepare, run, range(2), preparers=1, runners=1)) == [0, 1]


def test_a_slow_item_does_not_keep_the_runner_waiting() -> None:
    others_ran = threading.Event()

    def prepare(item: int) -> int:
        if item == 0:
            assert others_ran.wait(60)
        return item

    def run(item: int) -> int:
        if item == 4:
            others_ran.set()
        return item

    assert list(prepare_and_run(prepare, run, range(9), preparers=1, runners=1)) == list(range(9))


def test_items_that_are_prepared_but_not_running_are_dropped() -> None:
    prepared: list[int] = []
    ran: list[int] = []
    closing = threading.Event()

    def prepare(item: int) -> int:
        prepared.append(item)
        return item

    def run(item: int) -> int:
        ran.append(item)
        if item == 1:
            assert closing.wait(60)
        return item

    results = prepare_and_run(prepare, run, itertools.count(), preparers=1, runners=1)
    assert next(results) == 0
    while len(prepared) < 8 or len(ran) < 2:
        time.sleep(0.001)
    # The generator stops at once, but waits for item 1 before it has closed.
    waiting = threading.Timer(0.05, closing.set)
    waiting.start()
    results.close()
    waiting.join()
    assert ran == [0, 1]
    assert extraction_threads() == []


@pytest.mark.parametrize("stage", ["prepare", "run", "items"])
def test_the_first_error_ends_the_work_and_leaves_no_thread(stage: str) -> None:
    done: list[int] = []

    def fail_at(item: int, here: str) -> int:
        if stage == here and item == 30:
            raise ZeroDivisionError
        return item

    items = (fail_at(item, "items") for item in range(10_000))
    results = prepare_and_run(
        lambda item: fail_at(item, "prepare"),
        lambda item: fail_at(item, "run"),
        items,
        preparers=2,
        runners=2,
    )
    with pytest.raises(ZeroDivisionError):
        done.extend(results)
    assert done == list(range(len(done)))
    assert 14 <= len(done) <= 30
    assert extraction_threads() == []


def test_a_generator_that_is_dropped_leaves_no_thread() -> None:
    results = prepare_and_run(same, same, itertools.count(), preparers=2, runners=2)
    assert next(results) == 0
    assert len(extraction_threads()) == 4
    del results
    assert extraction_threads() == []


def test_ctrl_c_stops_soon_and_leaves_no_thread() -> None:
    program = """
        import threading, time
        from coral_learn.extraction.pipeline import prepare_and_run
        wait = lambda item: time.sleep(0.05)
        try:
            for result in prepare_and_run(wait, wait, range(10_000), preparers=2, runners=2):
                print("going", flush=True)
        except KeyboardInterrupt:
            print("stopped", threading.active_count(), flush=True)
    """
    lines = [line[8:] for line in program.splitlines()]
    process = subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "going\n"
        process.send_signal(signal.SIGINT)
        *going, last = process.stdout
        assert last == "stopped 1\n"
        assert len(going) < 5000  # there are 10000
