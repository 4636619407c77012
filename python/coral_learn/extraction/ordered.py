"""Work shared out to threads, results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_AHEAD = 4  # items a thread, so that one slow photo does not leave the other threads idle


def map_in_threads(
    function: Callable[[_Item], _Result], items: Iterable[_Item], threads: int
) -> Iterator[_Result]:
    """Gives the results of a function in the order of the items.

    Only a few items a thread are taken ahead of the result that is given, so that memory is
    bounded however many there are. When the iterator ends, fails or is closed, what was begun is
    finished, what was not is dropped, and no thread is left.

    Args:
        function: Called in the threads; its first error, in order, ends the work.
        items: Taken in the caller's own thread.
        threads: How many.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="coral-learn")
    ahead: deque[Future[_Result]] = deque()
    try:
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) >= threads * _AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
