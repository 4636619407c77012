"""Runs a script written for pycoral, unchanged, on this package."""

import runpy
import sys
from pathlib import Path

from PIL import Image

from . import install_as_pycoral

_USAGE = "usage: python -m coral_learn.pycoral SCRIPT.py [ARGS...]"
_HELP = f"""{_USAGE}

Runs a script written for pycoral, unchanged, on coral-learn: its `import pycoral...` finds this
package, its models run on the CPU where they are not compiled for the Edge TPU, and
`import tflite_runtime` finds LiteRT where tflite-runtime is not installed."""


def main(arguments: list[str]) -> int:
    """Runs the script that ``arguments`` begin with; returns the exit status."""
    if not arguments or arguments[0].startswith("-"):
        wants_help = arguments[:1] in (["-h"], ["--help"])
        print(_HELP if wants_help else _USAGE, file=sys.stdout if wants_help else sys.stderr)
        return 0 if wants_help else 2
    script = Path(arguments[0])
    if not script.is_file():
        print(f"coral_learn.pycoral: there is no script {script}", file=sys.stderr)
        return 2
    install_as_pycoral()
    _restore_what_old_scripts_import()
    sys.argv = arguments
    sys.path[0] = str(script.parent.resolve())
    runpy.run_path(str(script), run_name="__main__")
    return 0


def _restore_what_old_scripts_import() -> None:
    """Gives back two names that pycoral's own examples use and today's Pythons lack."""
    # At the end of the path, so that tflite-runtime is found first where it is installed.
    sys.path.append(str(Path(__file__).with_name("fallback")))
    if not hasattr(Image, "ANTIALIAS"):
        Image.ANTIALIAS = Image.Resampling.LANCZOS  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
