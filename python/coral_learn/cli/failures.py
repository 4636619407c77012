"""Failures that a user can cause, explained in one line."""

import errno
import os

from ..errors import EdgeTpuError, ThreadStartError

FAILURES = (ValueError, OSError, EdgeTpuError, ImportError, MemoryError, ThreadStartError)
"""The errors that a user can cause; any other error is a fault in the program."""

_NO_MEMORY = "close other programs, or use a smaller extractor or smaller photos"
_FIXES = {
    errno.ENOSPC: "free some space, or choose another place",
    errno.EDQUOT: "free some space, or choose another place",
    errno.EFBIG: "a limit (ulimit -f) or the file system does not allow a file of this size",
    errno.EACCES: "change its permissions, or choose another place",
    errno.EPERM: "change its permissions, or choose another place",
    errno.EROFS: "choose another place",
    errno.EMFILE: "raise the limit (ulimit -n)",
    errno.ENOMEM: _NO_MEMORY,
    errno.EAGAIN: _NO_MEMORY,
}


def explain(error: BaseException) -> str:
    """Returns what went wrong and how to fix it, in one line that is safe to print."""
    if isinstance(error, OSError) and error.strerror:
        parts = [os.fspath(error.filename)] if error.filename else []
        fix = _FIXES.get(error.errno or 0)
        text = ": ".join(map(str, [*parts, error.strerror, *([fix] if fix else [])]))
    elif isinstance(error, MemoryError):
        text = f"out of memory: {_NO_MEMORY}"
    else:
        text = str(error) or type(error).__name__
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    r"""Returns the text with control characters, which file names may contain, as in \x1b."""
    return "".join(
        repr(character)[1:-1] if ord(character) < 32 or 127 <= ord(character) < 160 else character
        for character in text
    )
