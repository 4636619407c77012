"""The command ``coral-learn``."""

import atexit
import gc
import os
import sys
import warnings
from collections.abc import Callable

from .stopping import run_until_stopped

FAILURES = (ValueError, OSError, ImportError, MemoryError, RuntimeError)
"""The errors that a user may have caused; ``explain`` raises those that are faults in the program.
"""


def main() -> None:
    """Runs the command line, and exits with its status or 128 plus the number of a signal."""
    # The threads of NumPy's OpenBLAS would spin for 2**26 cycles whenever they have no work, on
    # processors that the photos need. With this they sleep; it is read when NumPy is imported.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    # Python looks for garbage three times while it ends, in memory that is freed just after.
    atexit.register(gc.freeze)
    sys.exit(run_until_stopped(_run))


def _run() -> int:
    """Runs a command, and reports the failures that a user can cause in one line each."""
    # Imported here because a signal may arrive during the imports.
    from .streams import flush_results, prepare_streams

    prepare_streams()
    try:
        from .app import app

        try:
            return _call(app)
        finally:
            flush_results()
    except BrokenPipeError:  # the reader has ended, as with `| head`
        return 1
    except FAILURES as error:
        from ..failures import explain

        print(f"coral-learn: error: {explain(error)}", file=sys.stderr)
        return 1


def _call(app: Callable[[], object]) -> int:
    def show_warning(message: Warning | str, *_: object) -> None:
        from .display import print_note

        print_note("warning", str(message))

    warnings.showwarning = show_warning  # type: ignore[assignment]
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0
