"""Passes over pieces of data that several threads share."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from coral_learn.distributed.scan import SharedScan, evenly, read_ahead


def test_requests_that_come_together_share_a_pass() -> None:
    together = threading.Barrier(5)
    scan: SharedScan[int, int] = SharedScan(range(10), lambda item: item)

    def ask(factor: int) -> int:
        together.wait()
        return scan.total(lambda piece: factor * piece)

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(ask, range(5)))
    assert answers == [45 * factor for factor in range(5)]
    assert 1 <= scan.passes <= 5


def test_one_after_the_other_gets_a_pass_of_its_own() -> None:
    scan: SharedScan[int, int] = SharedScan([1, 2, 3], lambda item: item)
    assert [scan.total(lambda piece: piece) for _ in range(3)] == [6, 6, 6]
    assert scan.passes == 3


def test_an_error_reaches_all_who_ask_and_the_next_pass_works() -> None:
    broken = [True]

    def read(item: int) -> int:
        if broken[0] and item == 2:
            raise ValueError("the disk failed")
        return item

    scan: SharedScan[int, int] = SharedScan([1, 2, 3], read)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(scan.total, lambda piece: piece) for _ in range(3)]
        for each in asked:
            with pytest.raises(ValueError, match="the disk failed"):
                each.result()
    broken[0] = False
    assert scan.total(lambda piece: piece) == 6


def test_little_is_read_ahead() -> None:
    started: list[int] = []

    def read(item: int) -> int:
        started.append(item)
        return item

    pieces = read_ahead(range(100), read)
    assert next(pieces) == 0
    pieces.close()
    assert len(started) <= 4


@pytest.mark.parametrize(("items", "parts"), [(10, 3), (2, 5), (7, 7), (1, 1)])
def test_parts_have_about_the_same_size(items: int, parts: int) -> None:
    found = list(evenly(range(items), parts))
    assert [item for part in found for item in part] == list(range(items))
    sizes = [len(part) for part in found]
    assert len(sizes) == min(items, parts)
    assert max(sizes) - min(sizes) <= 1
