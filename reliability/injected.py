"""Runs the command line in a process in which the n-th call of some kind fails.

``python -m reliability.injected WHAT NUMBER MOMENT ARGUMENTS...`` runs ``coral-learn ARGUMENTS``.
The failure happens at the MOMENT-th call of the kind WHAT:

- ``signal``: signal NUMBER arrives before or after a file is flushed to disk or renamed.
- ``error``: the operating system returns error NUMBER instead of flushing or renaming a file.
- ``worker``: a thread that decodes photos or runs the model is out of memory.
- ``thread``: a thread cannot be started.
- ``cache``: nothing fails, but the wait for a locked cache is shortened to NUMBER ms.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from coral_learn.cli import main
from coral_learn.extraction import cache_file, photo_steps


class _Countdown:
    """Calls ``act`` at the last tick of a countdown, in whichever thread ticks."""

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


def _before_each(owner: object, names: list[str], tick: Callable[[], None], *, after: bool) -> None:
    """Makes functions tick when they are called and, if ``after`` is set, when they return."""
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
        _before_each(photo_steps.PhotoSteps, ["prepare", "run"], tick, after=False)
    elif what == "thread":
        tick = _Countdown(moment, _fail(RuntimeError("can't start new thread"))).tick
        _before_each(threading.Thread, ["start"], tick, after=False)
    elif what == "cache":
        cache_file._BUSY_SECONDS = number / 1000
    else:
        raise ValueError(f"unknown kind of failure: {what!r}")


if __name__ == "__main__":
    what, number, moment = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.argv = ["coral-learn", *sys.argv[4:]]
    _inject(what, number, moment)
    main()
