"""Runs an unchanged script that was written for pycoral on this package."""

import runpy
import sys
from pathlib import Path

from . import install_as_pycoral

_USAGE = "usage: python -m coral_learn.pycoral SCRIPT.py [ARGS...]"
_HELP = f"""{_USAGE}

Runs an unchanged script that was written for pycoral, or for the library `edgetpu` before it, on
coral-learn. Its `import pycoral...` finds this package, models that are not compiled for the Edge
TPU run on the CPU, and `import tflite_runtime` finds LiteRT if tflite-runtime is not installed. All
this also holds for the processes that the script starts."""


def main(arguments: list[str]) -> int:
    """Runs a script and returns the exit status.

    Args:
        arguments: The path of the script, followed by the script's own arguments.
    """
    if not arguments or arguments[0].startswith("-"):
        wants_help = arguments[:1] in (["-h"], ["--help"])
        print(_HELP if wants_help else _USAGE, file=sys.stdout if wants_help else sys.stderr)
        return 0 if wants_help else 2
    script = Path(arguments[0])
    if not script.is_file():
        print(
            f"coral_learn.pycoral: {script} is not a file: pass the path of a script",
            file=sys.stderr,
        )
        return 2
    install_as_pycoral()
    sys.argv = arguments
    sys.path[0] = str(script.parent.resolve())
    runpy.run_path(str(script), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
