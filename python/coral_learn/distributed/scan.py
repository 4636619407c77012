"""Reading data that are larger than memory from beginning to end, for all who wait for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, Generic, TypeVar

_Piece = TypeVar("_Piece")
_Item = TypeVar("_Item")
_Sums = TypeVar("_Sums")

_AHEAD = 2  # pieces that are read while another is worked on
_GATHER_SECONDS = 0.01  # in which others that want the same pass join it


class SharedScan(Generic[_Item, _Piece]):
    """Passes over pieces of data, each of which answers all requests that wait when it begins.

    A search fits several heads side by side, and each asks for sums over all rows: with one pass
    for all of them, the disk is read a fifth as often. All requests of a pass begin at the first
    piece, so that sums are rounded in the same way in each run.

    Attributes:
        passes: The number of passes so far.
    """

    def __init__(self, items: Sequence[_Item], read: Callable[[_Item], _Piece]) -> None:
        """Takes what to read.

        Args:
            items: What each piece is read from, at least one.
            read: Reads a piece; called in another thread, ahead of its use.
        """
        self.passes = 0
        self._items = items
        self._read = read
        self._waiting: list[tuple[Callable[[_Piece], Any], Future[Any]]] = []
        self._lock = threading.Lock()
        self._is_running = False

    def total(self, question: Callable[[_Piece], _Sums]) -> _Sums:
        """Returns the sum of the answers for all pieces; any number of threads may ask.

        Args:
            question: Returns the sums over one piece.
        """
        answer: Future[_Sums] = Future()
        with self._lock:
            self._waiting.append((question, answer))
            is_first = not self._is_running
            self._is_running = True
        if is_first:
            self._run()
        return answer.result()

    def _run(self) -> None:
        """Makes passes until nobody waits, in the thread of one who does."""
        while True:
            time.sleep(_GATHER_SECONDS)
            with self._lock:
                requests, self._waiting = self._waiting, []
                if not requests:
                    self._is_running = False
                    return
            try:
                answers = self._pass([question for question, _ in requests])
            except BaseException as error:
                for _, answer in requests:
                    answer.set_exception(error)
                if not isinstance(error, Exception):
                    with self._lock:
                        self._is_running = False
                    raise
            else:
                for (_, answer), sums in zip(requests, answers, strict=True):
                    answer.set_result(sums)

    def _pass(self, questions: Sequence[Callable[[_Piece], Any]]) -> list[Any]:
        sums: list[Any] = [None] * len(questions)
        self.passes += 1
        with closing(read_ahead(self._items, self._read)) as pieces:
            for piece in pieces:
                for index, question in enumerate(questions):
                    found = question(piece)
                    sums[index] = found if sums[index] is None else sums[index] + found
        return sums


def read_ahead(
    items: Iterable[_Item], read: Callable[[_Item], _Piece]
) -> Generator[_Piece, None, None]:
    """Yields what is read from each item, in order, while a thread reads the next ones."""
    with ThreadPoolExecutor(1, thread_name_prefix="coral-learn-scan") as pool:
        ahead: deque[Future[_Piece]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(read, item))
                if len(ahead) > _AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for each in ahead:
                each.cancel()


def evenly(items: Sequence[_Item], parts: int) -> Iterator[Sequence[_Item]]:
    """Yields at most so many parts of a sequence, none of them empty, in order."""
    parts = min(parts, len(items))
    for part in range(parts):
        yield items[part * len(items) // parts : (part + 1) * len(items) // parts]
