"""The command line in a process where something fails at a moment counted out, not timed.

``python -m reliability.injected WHAT NUMBER MOMENT ARGUMENTS...`` runs ``coral-learn ARGUMENTS``.
At the MOMENT-th time that it is about to do what WHAT names, the failure comes:

- ``signal``: signal NUMBER, before or after a file is flushed to the disk or put in place.
- ``error``: the operating system gives error NUMBER in place of flushing or putting in place.
- ``worker``: a thread that decodes photos or runs the model finds no memory.
- ``thread``: a thread cannot be started.
- ``cache``: none of these; the wait for a locked cache is shortened to NUMBER ms.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from coral_learn.cli import main
from coral_learn.extraction import cache_file, image_model


class _Countdown:
    """Calls ``act`` when it is counted down, by any thread."""

    def __init__(self, moment: int, act: Callable[[], None]) -> None:
        self._left = moment
        self._act = act
        self._lock = threading.Lock()

    def tick(self) -> None:
        with self._lock:
            self._left -= 1
            due = self._left == 0
        if due:
            self._act()


def _before_each(owner: Any, names: list[str], tick: Callable[[], None], *, after: bool) -> None:
    """Lets functions tick when they are called, and also when they are done."""
    for name in names:
        original = getattr(owner, name)

        def ticking(*arguments: Any, original: Any = original, **options: Any) -> Any:
            tick()
            result = original(*arguments, **options)
            if after:
                tick()
            return result

        setattr(owner, name, ticking)


def _fail(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def _inject(what: str, number: int, moment: int) -> None:
    if what == "signal":
        tick = _Countdown(moment, lambda: os.kill(os.getpid(), number)).tick
        _before_each(os, ["fsync", "replace"], tick, after=True)
    elif what == "error":
        tick = _Countdown(moment, _fail(OSError(number, os.strerror(number)))).tick
        _before_each(os, ["fsync", "replace"], tick, after=False)
    elif what == "worker":
        tick = _Countdown(moment, _fail(MemoryError())).tick
        _before_each(image_model.ImageModel, ["_prepare", "_finish"], tick, after=False)
    elif what == "thread":
        tick = _Countdown(moment, _fail(RuntimeError("can't start new thread"))).tick
        _before_each(threading.Thread, ["start"], tick, after=False)
    elif what == "cache":
        cache_file._BUSY_SECONDS = number / 1000
    else:
        raise ValueError(f"there is no failure {what!r}")


if __name__ == "__main__":
    what, number, moment = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.argv = ["coral-learn", *sys.argv[4:]]
    _inject(what, number, moment)
    main()
