"""A pipeline of two stages that run in threads and give their results in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ..errors import starting_thread

_Item = TypeVar("_Item")
_Prepared = TypeVar("_Prepared")
_Result = TypeVar("_Result")

_AHEAD = 4  # items for each thread, so that a slow item does not leave the other threads idle


def prepare_and_run(
    prepare: Callable[[_Item], _Prepared],
    run: Callable[[_Prepared], _Result],
    items: Iterable[_Item],
    *,
    preparers: int,
    runners: int,
) -> Generator[_Result, None, None]:
    """Yields ``run(prepare(item))`` for each item, in order.

    Each stage has its own threads, so that the next item is prepared while a device runs the
    previous one. Only a few items for each thread are taken ahead of the result that is yielded,
    which bounds the memory for any number of items. When the generator ends, fails or is closed,
    calls that have started are completed, the others are dropped, and no thread is left.

    Args:
        prepare: The first stage.
        run: The second stage. The first error of either stage, in the order of the items, ends the
            work.
        items: The items, which are taken in the caller's thread.
        preparers: The number of threads of the first stage.
        runners: The number of threads of the second stage.
    """
    prepare_pool = ThreadPoolExecutor(preparers, thread_name_prefix="coral-learn-prepare")
    run_pool = ThreadPoolExecutor(runners, thread_name_prefix="coral-learn-run")
    ahead: deque[Future[_Result]] = deque()

    def run_when_prepared(prepared: Future[_Prepared]) -> _Result:
        return run(prepared.result())

    try:
        for item in items:
            with starting_thread():
                prepared = prepare_pool.submit(prepare, item)
                ahead.append(run_pool.submit(run_when_prepared, prepared))
            if len(ahead) >= _AHEAD * (preparers + runners):
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        prepare_pool.shutdown(wait=False, cancel_futures=True)
        run_pool.shutdown(cancel_futures=True)
        prepare_pool.shutdown()
