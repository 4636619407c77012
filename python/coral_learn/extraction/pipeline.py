"""Two stages of work in threads, results in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Prepared = TypeVar("_Prepared")
_Result = TypeVar("_Result")

_AHEAD = 4  # items a thread, so that one slow item does not leave the other threads idle


def prepare_and_run(
    prepare: Callable[[_Item], _Prepared],
    run: Callable[[_Prepared], _Result],
    items: Iterable[_Item],
    *,
    preparers: int,
    runners: int,
) -> Generator[_Result, None, None]:
    """Gives ``run(prepare(item))`` for each item, in order.

    Each stage has threads of its own, so that a device that runs finds the next item prepared. Only
    a few items a thread are taken ahead of the result that is given: memory is bounded however many
    there are. When the generator ends, fails or is closed, what was begun is finished, what was
    not is dropped, and no thread is left.

    Args:
        prepare: The first stage.
        run: The second stage. The first error of either, in order, ends the work.
        items: Taken in the caller's own thread.
        preparers: How many threads the first stage has.
        runners: How many threads the second stage has.
    """
    prepare_pool = ThreadPoolExecutor(preparers, thread_name_prefix="coral-learn-prepare")
    run_pool = ThreadPoolExecutor(runners, thread_name_prefix="coral-learn-run")
    ahead: deque[Future[_Result]] = deque()

    def run_when_prepared(prepared: Future[_Prepared]) -> _Result:
        return run(prepared.result())

    try:
        for item in items:
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
