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


def test_runners_work_while_the_next_items_are_prepared() -> None:
    def wait(item: int) -> int:
        time.sleep(0.01)
        return item

    start = time.perf_counter()
    assert len(list(prepare_and_run(wait, wait, range(40), preparers=4, runners=4))) == 40
    assert time.perf_counter() - start < 0.6  # 0.8 s one after the other


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
        start = time.perf_counter()
        process.send_signal(signal.SIGINT)
        *_, last = process.stdout
        assert last == "stopped 1\n"
        assert time.perf_counter() - start < 5  # all of it takes 250 s
