"""Stopping a command cleanly when a signal arrives."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

if sys.platform == "win32":
    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
else:
    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal arrived. This is not a KeyboardInterrupt, which some libraries handle themselves."""


def run_until_stopped(job: Callable[[], int]) -> int:
    """Runs a job, and stops it as soon as Ctrl-C, SIGTERM or SIGHUP arrives.

    Windows has Ctrl-Break in place of SIGHUP. The job closes its files and devices while it stops.
    A second signal ends the process at once.

    Returns:
        The status of the job, or 128 plus the number of the signal.
    """
    received: list[int] = []
    handled = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]

    def restore_handlers() -> None:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        restore_handlers()
        raise Stopped

    status = 0
    try:
        try:
            for number in handled:
                signal.signal(number, stop)
            status = job()
        finally:
            restore_handlers()
    except BaseException:  # some code replaces the exception that interrupts it by its own
        if not received:
            raise
    if received:
        name = signal.Signals(received[0]).name
        print(
            f"coral-learn: stopped by {'Ctrl-C' if name == 'SIGINT' else name}: "
            "no file is half-written; run the same command again to finish",
            file=sys.stderr,
        )
        return 128 + received[0]
    return status
