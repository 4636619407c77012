"""Locks on open files. The system releases a lock when its file is closed or its process ends."""

import errno
import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import portalocker


def lock_file(file: IO[Any], *, shared: bool = False, wait: bool = True) -> None:
    """Locks an open file, until it is closed.

    Args:
        file: The file. On Windows, no other process can read its content meanwhile.
        shared: Whether others may have a shared lock at the same time. Windows has no such locks
            without further packages, so there they wait for each other.
        wait: Whether to wait until nobody else has a lock.

    Raises:
        BlockingIOError: Somebody else has a lock, and ``wait`` is false.
        OSError: The file system has no locks.
    """
    import portalocker  # takes longer to import than most of this package

    flags = portalocker.LOCK_SH if shared and sys.platform != "win32" else portalocker.LOCK_EX
    if not wait:
        flags |= portalocker.LOCK_NB
    while not _try_to_lock(file, flags):
        if not wait:
            raise BlockingIOError(errno.EAGAIN, "another process has locked it", file.name)


def _try_to_lock(file: IO[Any], flags: "portalocker.LockFlags") -> bool:
    """Returns False if the system stopped waiting, as Windows does after ten seconds."""
    import portalocker

    try:
        portalocker.lock(file, flags)
    except portalocker.AlreadyLocked:
        return False
    except portalocker.LockException as error:
        cause = error.__cause__
        raise cause if isinstance(cause, OSError) else OSError(str(error)) from None
    return True
