"""Keeping the log messages of the TFLite runtime out of standard error."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..errors import starting_thread

_INFO_PREFIX = b"INFO: "
_MAX_WAIT_SECONDS = 1.0  # a child process may keep the pipe open for longer


@contextmanager
def without_info_messages() -> Iterator[None]:
    """Drops the lines that native code logs at level INFO, and passes on all others.

    The runtime writes them directly to file descriptor 2, and has no setting to turn them off.
    """
    real = os.dup(2)
    read_end, write_end = os.pipe()
    forwarder = threading.Thread(target=_forward, args=(read_end, real), daemon=True)
    with starting_thread():
        forwarder.start()  # before the pipe is in place, so that no line is lost if this fails
    os.dup2(write_end, 2)
    os.close(write_end)
    stderr = sys.stderr
    sys.stderr = os.fdopen(
        os.dup(real), "w", 1, encoding=stderr.encoding, errors="backslashreplace"
    )
    try:
        yield
    finally:
        with suppress(OSError):  # a full disk, or a pipe without a reader
            sys.stderr.close()
        sys.stderr = stderr
        os.dup2(real, 2)  # closes the pipe, which ends the thread
        forwarder.join(_MAX_WAIT_SECONDS)


def _forward(read_end: int, real: int) -> None:
    with (
        suppress(OSError),
        os.fdopen(read_end, "rb") as lines,
        os.fdopen(real, "wb", buffering=0) as out,
    ):
        for line in lines:
            if not line.startswith(_INFO_PREFIX):
                out.write(line)
