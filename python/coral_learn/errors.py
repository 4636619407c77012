"""The errors of this package. Invalid arguments raise the built-in ``ValueError``."""

from collections.abc import Iterator
from contextlib import contextmanager


class ModelError(ValueError):
    """A model file cannot be used; the message says what was found and what is needed."""


class EdgeTpuError(RuntimeError):
    """The Edge TPU, its library or its driver failed; the message says why and what to do."""


class ThreadStartError(RuntimeError):
    """The operating system does not let this process start another thread."""


@contextmanager
def starting_thread() -> Iterator[None]:
    """Turns the plain RuntimeError of a thread that cannot be started into a ThreadStartError.

    Put only the start of the thread into the ``with`` block, because every RuntimeError in it is
    treated as a failed start.
    """
    try:
        yield
    except RuntimeError as error:
        raise ThreadStartError(
            "no thread can be started: raise the limits (ulimit -u, ulimit -v), close other "
            "programs, or use a smaller extractor or smaller photos"
        ) from error
