"""Commands run in new processes, as users start them."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def output_of(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """Returns what a command prints on standard output.

    Args:
        command: The program and its arguments.
        environment: Environment variables in addition to those of this process.

    Raises:
        RuntimeError: The command failed. The message contains its standard error.
    """
    done = subprocess.run(
        command, env=os.environ | dict(environment or {}), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return done.stdout
