"""The command ``coral-learn``."""

import sys
import warnings
from collections.abc import Callable

from .stopping import run_until_stopped


def main() -> None:
    """Runs the command line; ends with its status, or 128 and the number of a signal."""
    sys.exit(run_until_stopped(_run))


def _run() -> int:
    """Tells what a user can cause in one line, without a traceback."""
    # Here and not above, because a signal may come while they are imported.
    from .failures import FAILURES, explain
    from .quiet import without_runtime_chatter
    from .streams import flush_results, prepare_streams

    prepare_streams()
    try:
        # First, because a library that finds no memory says so itself and ends the process.
        from .app import app

        with without_runtime_chatter():
            try:
                return _call(app)
            finally:
                flush_results()
    except BrokenPipeError:  # nobody reads any more, as after `| head`
        return 1
    except FAILURES as error:
        print(f"coral-learn: error: {explain(error)}", file=sys.stderr)
        return 1


def _call(app: Callable[[], object]) -> int:
    from .display import print_note

    def show_warning(message: Warning | str, *_: object) -> None:
        print_note("warning", str(message))

    warnings.showwarning = show_warning  # type: ignore[assignment]
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0
