"""The lock of an object that threads share."""

import os
import threading
import weakref


class ObjectLock:
    """A reentrant lock of one object, for ``with`` statements; a copy or pickle is a free one.

    In a forked process it is free as well, unless the thread that forked held it: no other thread
    of the parent is there to let go of it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type["ObjectLock"], tuple[()]]:
        return ObjectLock, ()

    def _renew_after_fork(self) -> None:
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()


_locks: "weakref.WeakSet[ObjectLock]" = weakref.WeakSet()


def _renew_all() -> None:
    for lock in _locks:
        lock._renew_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
