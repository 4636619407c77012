"""A lock for objects that threads share, which can be copied, pickled and forked."""

import os
import sys
import threading
import weakref


class ObjectLock:
    """A reentrant lock of one object, for ``with`` statements.

    A copy of the lock, pickled or not, is not held by any thread. In a forked process it is not
    held either, unless the thread that forked held it: the parent's other threads do not
    exist there, and so could never release it.
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


if sys.platform != "win32":  # which cannot fork
    os.register_at_fork(after_in_child=_renew_all)
