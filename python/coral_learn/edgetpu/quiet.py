"""Keeping the log lines of the TFLite runtime out of standard error."""

import os
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_INFO_PREFIX = b"INFO: "
_LAST_LINE = b"delegate for CPU"
_CHUNK = 1 << 16  # bytes, what a pipe usually holds

_lock = threading.Lock()
# Whether the runtime has not logged its last line yet. On Windows nothing is filtered: its pipes
# make a writer wait, and a runtime may have file descriptors of its own.
_pending = sys.platform != "win32"


def run_without_info_lines(method: Callable[[], T]) -> T:
    """Runs a method of the runtime, and drops what it logs at level INFO.

    The runtime writes to file descriptor 2 itself, and has no setting against it. It logs once in a
    process ("Created TensorFlow Lite XNNPACK delegate for CPU."), so only the calls until then are
    run in this way, one at a time. All other lines, also of other threads, are passed on.

    Args:
        method: Makes an interpreter, or allocates its tensors.
    """
    if not _pending:
        return method()
    with _lock:
        return _run_filtered(method)


def _run_filtered(method: Callable[[], T]) -> T:
    try:
        real = os.dup(2)
    except OSError:  # standard error is closed
        return method()
    read_end, write_end = os.pipe()
    if sys.platform != "win32":  # where this function is not called
        for end in (read_end, write_end):
            os.set_blocking(end, False)  # so that nobody ever waits for a full or empty pipe
    os.dup2(write_end, 2)
    os.close(write_end)
    try:
        return method()
    finally:
        os.dup2(real, 2)
        os.close(real)
        _pass_on(read_end)
        os.close(read_end)


def _pass_on(read_end: int) -> None:
    global _pending
    try:
        for line in os.read(read_end, _CHUNK).splitlines(keepends=True):
            if not line.startswith(_INFO_PREFIX):
                os.write(2, line)
            elif _LAST_LINE in line:
                _pending = False
    except OSError:  # nothing was logged, or standard error is full
        return
