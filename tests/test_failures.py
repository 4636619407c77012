"""Failures that a user can cause, and faults in the program."""

import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from coral_learn.cli import FAILURES
from coral_learn.errors import EdgeTpuError
from coral_learn.extraction.pipeline import prepare_and_run
from coral_learn.failures import explain
from coral_learn.files import write_atomically
from coral_learn.tflite.file import ModelFile


def test_a_thread_that_cannot_be_started_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("words that differ between versions of Python")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(FAILURES) as caught:
        list(prepare_and_run(str, str, [1], preparers=1, runners=1))
    assert explain(caught.value).startswith("no thread can be started: raise the limits")


@pytest.mark.slow_when_emulated
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of the address space")
def test_a_thread_that_the_system_refuses_is_explained() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY_FOR_STACKS], capture_output=True, text=True
    )
    assert done.stdout.startswith("no thread can be started"), done.stderr


def test_a_fault_in_a_thread_is_not_explained_whatever_its_text() -> None:
    def fail(_: int) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.raises(FAILURES) as caught:
        list(prepare_and_run(fail, str, [1], preparers=1, runners=1))
    with pytest.raises(RuntimeError, match="can't start new thread"):
        explain(caught.value)


def test_an_error_of_the_edge_tpu_is_its_own_explanation() -> None:
    assert explain(EdgeTpuError("unplugged:\nplug it in")) == "unplugged: plug it in"


WITHOUT_MEMORY_FOR_STACKS = f"""
import resource, threading, time
from coral_learn.failures import explain
threading.stack_size(2**30)
resource.setrlimit(resource.RLIMIT_AS, (2**29, {resource.RLIM_INFINITY}))
try:
    threading.Thread(target=time.sleep, args=(0,)).start()
except RuntimeError as error:
    print(explain(error))
"""


@pytest.mark.parametrize(
    ("make_error", "text"),
    [
        (
            lambda folder: (folder / "file").mkdir(),
            "file: this is a file, but a folder is",
        ),
        (
            lambda folder: write_atomically(folder, b""),
            ": this is a folder, but a file is",
        ),
        (
            lambda folder: (folder / "file" / "x" / "y").touch(),
            "file is a file, but a folder is ne",
        ),
        (lambda folder: (folder / "a" / "b").touch(), "/a: create it, or correct the path"),
        (lambda folder: ModelFile.open(folder / "a"), "a (there is no such file or folder): corr"),
        (lambda folder: ModelFile.open(folder), " (this is a folder, but a file is needed): give"),
        (lambda folder: (folder / "gone").read_bytes(), "gone: there is no such file or folder: c"),
        (lambda folder: (folder / ("x" * 999)).touch(), "xx: this name is longer than the file sy"),
    ],
)
def test_errors_of_the_system_become_sentences(
    tmp_path: Path, make_error: Callable[[Path], object], text: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FAILURES) as caught:
        make_error(tmp_path)
    assert text in explain(caught.value)
