"""Keeping the TFLite runtime's chatter out of the commands' standard error."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHATTER = b"INFO: "
_PATIENCE = 1.0  # seconds; a child process may keep the pipe open for longer


@contextmanager
def without_runtime_chatter() -> Iterator[None]:
    """Drops the lines that native code logs at level INFO, and lets everything else through.

    The runtime writes them past Python to file descriptor 2, and offers no way to turn them off.
    """
    real = os.dup(2)
    read_end, write_end = os.pipe()
    forwarder = threading.Thread(target=_forward, args=(read_end, real), daemon=True)
    forwarder.start()  # first, because a pipe that nobody reads would swallow all
    os.dup2(write_end, 2)
    os.close(write_end)
    stderr = sys.stderr
    sys.stderr = os.fdopen(
        os.dup(real), "w", 1, encoding=stderr.encoding, errors="backslashreplace"
    )
    try:
        yield
    finally:
        with suppress(OSError):  # a full disk, or a pipe that nobody reads
            sys.stderr.close()
        sys.stderr = stderr
        os.dup2(real, 2)  # closes the pipe, which ends the thread
        forwarder.join(_PATIENCE)


def _forward(read_end: int, real: int) -> None:
    with (
        suppress(OSError),
        os.fdopen(read_end, "rb") as lines,
        os.fdopen(real, "wb", buffering=0) as out,
    ):
        for line in lines:
            if not line.startswith(_CHATTER):
                out.write(line)
