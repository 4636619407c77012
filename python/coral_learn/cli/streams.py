"""Standard streams that are closed or full, or that cannot represent all characters."""

import os
import sys
from typing import TextIO


def prepare_streams() -> None:
    r"""Opens standard streams that are closed, and makes them accept any text.

    File names may contain bytes that are not text, and a terminal may support few characters. A
    character that cannot be written becomes an escape such as ``\udce9``.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        pass  # opens a closed stream (`2>&-`), which the next file opened would become
    os.close(descriptor)
    sys.stdout = _tolerant(sys.stdout, 1)
    sys.stderr = _tolerant(sys.stderr, 2)


def flush_results() -> None:
    """Writes the rest of standard output.

    Raises:
        OSError: The rest cannot be written, and is discarded.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python tries again and prints an error
        raise OSError(error.errno, error.strerror, "standard output") from error


def _tolerant(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        return open(descriptor, "w", errors="backslashreplace")  # noqa: PLW1514 (the terminal's)
    if hasattr(stream, "reconfigure"):  # which a test's replacement may lack
        stream.reconfigure(errors="backslashreplace")
    return stream
