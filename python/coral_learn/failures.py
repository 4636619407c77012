"""Failures that a user can cause, explained in one line."""

import errno
import os
import threading
import traceback
from pathlib import Path

from .errors import EdgeTpuError, ModelError
from .words import printable

_NO_MEMORY = "close other programs, or use a smaller extractor or smaller photos"
_REASONS = {  # of the system's own words, which speak of calls of functions
    errno.EEXIST: "this is a file, but a folder is needed",
    errno.EISDIR: "this is a folder, but a file is needed",
    errno.ENOTDIR: "a part of this path is a file, but must be a folder",
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "you have no permission for this",
    errno.EPERM: "you have no permission for this",
    errno.ENAMETOOLONG: "this name is longer than the file system allows",
    errno.EROFS: "this is on a file system that cannot be written",
    errno.EMFILE: "too many files are open at once",
    errno.EIO: "the disk or the network drive failed",
}
_FIXES = {
    errno.EEXIST: "give the path of a folder",
    errno.EISDIR: "give the path of a file",
    errno.ENOTDIR: "correct the path",
    errno.ENOENT: "correct the path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EIO: "check it, or choose another place",
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
    """Returns what went wrong and how to fix it, in one line that is safe to print.

    Raises:
        RuntimeError: The error itself, if a user cannot have caused it.
    """
    if isinstance(error, OSError) and error.strerror:
        reason, fix = _reason_and_fix(error)
        if error.filename:
            reason = f"{os.fspath(error.filename)}: {reason}"
        text = f"{reason}: {fix}" if fix else reason
    elif isinstance(error, ModelError) and isinstance(error.__cause__, OSError):
        reason, fix = _reason_and_fix(error.__cause__)
        text = str(error).replace(f"({error.__cause__.strerror})", f"({reason})")
        text = f"{text}: {fix}" if fix else text
    elif isinstance(error, MemoryError):
        text = f"out of memory: {_NO_MEMORY}"
    elif isinstance(error, RuntimeError) and not isinstance(error, EdgeTpuError | ModelError):
        if not _comes_from_thread_start(error):
            raise error
        text = f"no thread can be started: raise the limits (ulimit -u, ulimit -v), or {_NO_MEMORY}"
    else:
        text = str(error) or type(error).__name__
    return printable(" ".join(text.split()))


def _reason_and_fix(error: OSError) -> tuple[str, str | None]:
    """Returns an error of the system in plain words, and what to do about it."""
    code, reason = error.errno or 0, error.strerror or ""
    if not error.filename:
        return reason, _FIXES.get(code)
    path = Path(os.fsdecode(error.filename))
    if code == errno.ENOTDIR:
        part = next((each for each in path.parents if each.is_file()), None)
        if part is not None:
            return f"{part} is a file, but a folder is needed", "correct the path"
    if code == errno.ENOENT and not path.parent.exists():
        return f"there is no folder {path.parent}", "create it, or correct the path"
    return _REASONS.get(code, reason), _FIXES.get(code)


def _comes_from_thread_start(error: RuntimeError) -> bool:
    """Tells whether a thread could not be started, by this package or by a library that it uses.

    Python then raises a plain RuntimeError, which only its traceback distinguishes from others.
    """
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code is threading.Thread.start.__code__ for frame, _ in frames)
