"""Every block of code in the documentation runs, page by page and in the order of the page.

A page starts in a folder with photos and a trained model (tests/support/pages_folder.py). Its
blocks share this folder, and its Python blocks also share their names. A comment above a block says
what else there is to know:

    <!-- not run: REASON -->   with one of the reasons below
    <!-- command: NAME -->     a command of README that .ci/run runs on a fresh machine
    <!-- until Ctrl-C -->      the last command of the block goes on until it is interrupted
    <!-- needs: MODULE -->     not run where this module of an extra is missing
"""

import doctest
import json
import os
import shutil
import signal
import subprocess
import time
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.support.markdown_blocks import Block, blocks_of

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
REASONS = {
    "needs root",
    "needs a network",
    "needs a camera",
    "needs a broker",
    "needs another machine",
    "needs minutes",
}
_SECONDS = 120  # until a block counts as hanging
_SECONDS_BEFORE_CTRL_C = 6  # at most; a second after a command has printed something
# Warnings are errors, but for those of the packages of extras.
_WARNINGS_OF_EXTRAS = "error,ignore::DeprecationWarning,ignore::FutureWarning"
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(
    page: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [block for block in blocks_of(page) if _is_run(block)]
    if not blocks:
        pytest.skip("has no blocks to run")
    folder = tmp_path / "page"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    for name, value in _environment(folder).items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {"__name__": "__page__"}
    for block in blocks:
        if block.language == "python":
            _run_python(block, names)
        elif block.language == "console":
            _run_console(block)
        elif block.language == "json":
            json.loads(block.code)
        else:
            _run_shell(block, tmp_path / "said.txt")


def _is_run(block: Block) -> bool:
    kind, _, reason = block.mark.partition(": ")
    if kind == "not run":
        assert reason in REASONS, f"{block}: {reason!r} is no known reason not to run it"
        return False
    if kind == "needs" and find_spec(reason) is None:
        return False
    return kind != "command" and block.language in ("python", "sh", "console", "json")


def _environment(folder: Path) -> dict[str, str]:
    state = folder.parent / "state"
    return {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "PYTHONWARNINGS": "error",
        "HOME": str(state),
        "XDG_CACHE_HOME": str(state / "cache"),
        "XDG_STATE_HOME": str(state / "state"),
        "COLUMNS": "100",
        "BROWSER": "true",  # the studio opens one
    }


def _run_python(block: Block, names: dict[str, Any]) -> None:
    if block.code.startswith(">>>"):
        parser = doctest.DocTestParser()
        example = parser.get_doctest(block.code, names, str(block), str(block.page), block.line)
        runner = doctest.DocTestRunner(optionflags=_FLAGS)
        said: list[str] = []
        runner.run(example, out=said.append, clear_globs=False)
        names.update(example.globs)
        assert not runner.failures, "".join(said)
        return
    try:
        lines_before = "\n" * (block.line - 1)  # so that errors name the line of the page
        exec(compile(lines_before + block.code, str(block.page), "exec"), names)
    except Exception:
        pytest.fail(f"{block}:\n{traceback.format_exc()}")


def _run_shell(block: Block, said: Path) -> None:
    goes_on, needs_extra = block.mark == "until Ctrl-C", block.mark.startswith("needs: ")
    with said.open("w") as output:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", block.code],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | ({"PYTHONWARNINGS": _WARNINGS_OF_EXTRAS} if needs_extra else {}),
            start_new_session=True,
        )
    try:
        if goes_on:
            _wait_for_output(process, said)
            os.killpg(process.pid, signal.SIGINT)
        process.wait(_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    printed = said.read_text()
    assert process.returncode in ((0, 130) if goes_on else (0,)), f"{block}:\n{printed}"
    assert "Traceback" not in printed, f"{block}:\n{printed}"


def _wait_for_output(process: subprocess.Popen[bytes], said: Path) -> None:
    """Waits until a program that goes on has printed something, and then a second."""
    end = time.monotonic() + _SECONDS_BEFORE_CTRL_C
    while time.monotonic() < end and not said.stat().st_size and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1)


def _run_console(block: Block) -> None:
    """Runs the lines after "$ ", and compares what they print with the lines between them."""
    for part in block.code.split("$ ")[1:]:
        command, _, wanted = part.partition("\n")
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, timeout=_SECONDS
        )
        got = done.stdout + done.stderr
        equal = doctest.OutputChecker().check_output(wanted, got, _FLAGS)
        assert equal, f"{block}: {command}\nwanted:\n{wanted}\ngot:\n{got}"
