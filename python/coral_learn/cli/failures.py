"""What a user can cause, in one line."""

import errno
import os

from ..errors import EdgeTpuError

FAILURES = (ValueError, OSError, EdgeTpuError, ImportError, MemoryError, RuntimeError)
"""What is told in one line; :func:`explain` raises those that are faults of the program."""

_NO_THREAD = "can't start new thread"
_MEMORY = "close other programs, or take a smaller extractor or smaller photos"
_FIXES = {
    errno.ENOSPC: "free some space, or choose another place",
    errno.EDQUOT: "free some space, or choose another place",
    errno.EFBIG: "a limit (ulimit -f) or the file system takes no file of this size",
    errno.EACCES: "change its permissions, or choose another place",
    errno.EPERM: "change its permissions, or choose another place",
    errno.EROFS: "choose another place",
    errno.EMFILE: "raise the limit (ulimit -n)",
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: _MEMORY,
}


def explain(error: BaseException) -> str:
    """Returns what went wrong and how to mend it, in one line that is safe to print.

    Raises:
        RuntimeError: The error itself, where no user could have caused it.
    """
    if isinstance(error, OSError) and error.strerror:
        parts = [os.fspath(error.filename)] if error.filename else []
        fix = _FIXES.get(error.errno or 0)
        text = ": ".join(map(str, [*parts, error.strerror, *([fix] if fix else [])]))
    elif isinstance(error, MemoryError):
        text = f"out of memory: {_MEMORY}"
    elif isinstance(error, RuntimeError) and not isinstance(error, EdgeTpuError):
        if str(error) != _NO_THREAD:
            raise error
        text = f"no thread can be started: raise the limits (ulimit -u, ulimit -v), or {_MEMORY}"
    else:
        text = str(error) or type(error).__name__
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    r"""Returns the text with control characters, which files may have in their names, as \x1b."""
    return "".join(
        repr(character)[1:-1] if ord(character) < 32 or 127 <= ord(character) < 160 else character
        for character in text
    )
