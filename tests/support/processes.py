"""Running Python in another process."""

import os
import subprocess
import sys
from pathlib import Path


def run_python(
    *arguments: str | Path, path: Path | None = None, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Runs Python and checks its exit status.

    Args:
        arguments: The arguments of Python.
        path: A folder where Python looks for modules first.
        status: The exit status to expect.
    """
    folders = [str(path)] if path else []
    folders += filter(None, [os.environ.get("PYTHONPATH")])
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
        timeout=300,
    )
    assert done.returncode == status, done.stderr
    return done


def write_files(folder: Path, files: dict[str, str]) -> Path:
    """Writes text files, by their paths in a folder, which is returned."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
