"""A pipeline of two stages that run in threads and give their results in order."""

import functools
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Generic, NamedTuple, TypeVar

_Item = TypeVar("_Item")
_Prepared = TypeVar("_Prepared")
_Result = TypeVar("_Result")

_AHEAD = 4  # items for each thread, so that a slow item does not leave the other threads idle


class _Failure(NamedTuple):
    """What a stage raised."""

    error: BaseException


# A queue for one result is faster than a Future and, unlike it, safe to interrupt by Ctrl-C.
_Slot = SimpleQueue[_Result | _Failure]


def prepare_and_run(
    prepare: Callable[[_Item], _Prepared],
    run: Callable[[_Prepared], _Result],
    items: Iterable[_Item],
    *,
    preparers: int,
    runners: int,
) -> Generator[_Result, None, None]:
    """Yields ``run(prepare(item))`` for each item, in order.

    The next items are prepared while a device runs the previous one. Only a few items for each
    thread are taken ahead of the result that is yielded, which bounds the memory for any number of
    items. When the generator ends, fails or is closed, calls that have started are completed, the
    others are dropped, and no thread is left.

    Args:
        prepare: The first stage.
        run: The second stage. The first error of either stage, in the order of the items, ends the
            work.
        items: The items, which are taken in the caller's thread.
        preparers: The number of items that are prepared at once while all runners are busy.
        runners: The number of items that are run at once.
    """
    threads = preparers + runners
    pool = ThreadPoolExecutor(threads, thread_name_prefix="coral-learn-photos")
    stages = _Stages(prepare, run, pool, threads, runners)
    ahead: deque[_Slot[_Result]] = deque()
    try:
        for item in items:
            ahead.append(SimpleQueue())
            stages.add(item, ahead[-1])
            if len(ahead) >= _AHEAD * threads:
                yield _result_in(ahead.popleft())
        while ahead:
            yield _result_in(ahead.popleft())
    finally:
        stages.stop()
        pool.shutdown(cancel_futures=True)


def _result_in(slot: _Slot[_Result]) -> _Result:
    result = slot.get()
    if isinstance(result, _Failure):
        try:
            raise result.error
        finally:
            del result  # the error refers to this frame, and would keep itself alive
    return result


class _Stages(Generic[_Item, _Prepared, _Result]):
    """The two stages, for threads that work until there is nothing to do.

    A thread that has run an item runs the next one that is prepared, whichever thread prepared it,
    so that a device never waits for a thread to wake up.
    """

    def __init__(
        self,
        prepare: Callable[[_Item], _Prepared],
        run: Callable[[_Prepared], _Result],
        pool: ThreadPoolExecutor,
        threads: int,
        runners: int,
    ) -> None:
        self._prepare = prepare
        self._run = run
        self._pool = pool
        self._idle_threads = threads
        self._free_runners = runners
        self._items: deque[tuple[_Item, _Slot[_Result]]] = deque()
        self._prepared: deque[tuple[_Prepared, _Slot[_Result]]] = deque()
        self._stopped = False
        self._lock = threading.Lock()

    def add(self, item: _Item, slot: _Slot[_Result]) -> None:
        """Takes an item, whose result will be put into a slot."""
        with self._lock:
            self._items.append((item, slot))
            if not self._idle_threads:
                return
            self._idle_threads -= 1
        self._pool.submit(self._work)

    def stop(self) -> None:
        """Drops the items that are neither being prepared nor running."""
        with self._lock:
            self._stopped = True
            self._items.clear()
            self._prepared.clear()

    def _work(self) -> None:
        while (task := self._next_task()) is not None:
            task()

    def _next_task(self) -> Callable[[], None] | None:
        with self._lock:
            if self._prepared and self._free_runners:
                self._free_runners -= 1
                return functools.partial(self._run_one, *self._prepared.popleft())
            if self._items:
                return functools.partial(self._prepare_one, *self._items.popleft())
            self._idle_threads += 1
            return None

    def _prepare_one(self, item: _Item, slot: _Slot[_Result]) -> None:
        try:
            prepared = self._prepare(item)
        except BaseException as error:
            slot.put(_Failure(error))
            return
        with self._lock:
            if not self._stopped:
                self._prepared.append((prepared, slot))

    def _run_one(self, prepared: _Prepared, slot: _Slot[_Result]) -> None:
        try:
            slot.put(self._run(prepared))
        except BaseException as error:
            slot.put(_Failure(error))
        with self._lock:
            self._free_runners += 1
