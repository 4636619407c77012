"""Giving memory back to the system, which a board with 1 GB has little of."""

import ctypes
from contextlib import suppress


def give_memory_back() -> None:
    """Returns memory that was freed to the system, where the C library keeps it (glibc)."""
    with suppress(OSError, AttributeError):  # another system or C library
        ctypes.CDLL(None).malloc_trim(0)
