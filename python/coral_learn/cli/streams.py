"""Standard streams that are closed, full, or of few characters."""

import os
import sys
from typing import TextIO


def prepare_streams() -> None:
    r"""Makes all three streams usable, and able to take any text.

    Names of files may hold bytes that are no text, and a terminal may know few characters; what
    cannot be written becomes an escape such as ``\udce9``.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        pass  # one that was closed, as by `2>&-`, which the next file opened would have become
    os.close(descriptor)
    sys.stdout = _tolerant(sys.stdout, 1)
    sys.stderr = _tolerant(sys.stderr, 2)


def flush_results() -> None:
    """Writes what is left of standard output.

    Raises:
        OSError: It cannot be written, and is forgotten.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python tries again, and complains
        raise OSError(error.errno, error.strerror, "standard output") from error


def _tolerant(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        return open(descriptor, "w", errors="backslashreplace")
    if hasattr(stream, "reconfigure"):  # not of what has taken its place in a test
        stream.reconfigure(errors="backslashreplace")
    return stream
