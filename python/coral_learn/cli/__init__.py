"""The command ``coral-learn``."""

import sys
import warnings

from ..errors import EdgeTpuError


def main() -> None:
    """Runs the command line, and tells what a user can cause in one line, without a traceback."""
    from .app import app
    from .display import print_note
    from .quiet import without_runtime_chatter

    def show_warning(message: Warning | str, *_: object) -> None:
        print_note("warning", str(message))

    warnings.showwarning = show_warning  # type: ignore[assignment]
    with without_runtime_chatter():
        try:
            app()
        except (ValueError, OSError, EdgeTpuError, ImportError, MemoryError) as error:
            print(f"coral-learn: error: {_in_one_line(error)}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print("coral-learn: interrupted", file=sys.stderr)
            sys.exit(130)


def _in_one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = "out of memory"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())
