"""Ending in order when a signal asks for it."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal came. Not a KeyboardInterrupt, for which libraries have endings of their own."""


def run_until_stopped(job: Callable[[], int]) -> int:
    """Runs a job, and ends it where it is when Ctrl-C, SIGTERM or SIGHUP asks for that.

    What the job has open is closed on the way. A second signal ends the process at once.

    Returns:
        The job's status, or 128 and the number of the signal.
    """
    received: list[int] = []
    handled = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]

    def no_longer_handle() -> None:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        no_longer_handle()
        raise Stopped

    status = 0
    try:
        try:
            for number in handled:
                signal.signal(number, stop)
            status = job()
        finally:
            no_longer_handle()
    except BaseException:  # some code makes an error of its own of what interrupts it
        if not received:
            raise
    if received:
        name = signal.Signals(received[0]).name
        print(
            f"coral-learn: stopped by {'Ctrl-C' if name == 'SIGINT' else name}: "
            "no file is half-written; the same command does the rest",
            file=sys.stderr,
        )
        return 128 + received[0]
    return status
