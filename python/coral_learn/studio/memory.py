"""Giving memory back to the system, which a board with 1 GB has little of."""

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")


def give_memory_back() -> None:
    """Returns memory that was freed to the system, where the C library keeps it (glibc)."""
    gc.collect()  # first, so that arrays in reference cycles are freed
    with suppress(OSError, AttributeError):  # another system or C library
        ctypes.CDLL(None).malloc_trim(0)


def giving_memory_back(make: Callable[[], _Result]) -> Callable[[], _Result]:
    """Returns a function that does some work, and gives back what only the work needed."""

    def run() -> _Result:
        try:
            return make()
        finally:  # when the variables of the work are gone
            give_memory_back()

    return run
