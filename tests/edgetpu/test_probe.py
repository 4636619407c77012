"""A libedgetpu that is incompatible with the runtime is detected without a crash."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

import pytest
from tests.support.averaging_model import averaging_model
from tests.support.stand_in import library
from tests.support.stand_in.devices import StandIn, plugged_in
from tests.support.stand_in.models import compiled

from coral_learn import EdgeTpuError, edgetpu
from coral_learn.edgetpu import probe as probing
from coral_learn.edgetpu.probe import Outcome, ProbeResult

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]

TWIN = averaging_model()
COMPILED = compiled(TWIN)


@pytest.fixture
def runs() -> Iterator[mock.Mock]:
    """Counts the processes started."""
    with mock.patch.object(subprocess, "run", wraps=subprocess.run) as run:
        yield run


def probe(path: Path, model: bytes = COMPILED, device: str | None = None) -> ProbeResult:
    return probing.probe(str(path), edgetpu.runtime_module().__name__, model, device)


@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize(
    ("variant", "symptom"),
    [("-DOLD_ABI_WILD", "crashed with SIGSEGV"), ("-DOLD_ABI_ZEROS", "unresolved custom op")],
)
def test_a_library_with_the_old_abi_is_refused_without_a_crash(
    variant: str, symptom: str, tmp_path: Path
) -> None:
    old = library.build(tmp_path, variant)
    with plugged_in(old, TWIN) as tpus:
        result = probe(old)
        assert result.outcome is Outcome.INCOMPATIBLE
        assert symptom in result.detail
        with pytest.raises(
            EdgeTpuError, match=f"is not compatible with .*{symptom}.*: install a lib"
        ):
            edgetpu.make_interpreter(COMPILED)
        assert tpus.opened == []


@pytest.mark.slow_when_emulated
def test_a_compatible_library_is_probed_once_in_a_process(
    tmp_path: Path, runs: mock.Mock, c_compiler: str
) -> None:
    fresh = library.build(tmp_path)
    runs.reset_mock()
    with plugged_in(fresh, TWIN, ["usb", "pci"]) as tpus:
        for device in (None, ":0", "pci"):
            edgetpu.make_interpreter(COMPILED, device)
        assert runs.call_count == 1
        assert len(tpus.opened) == 3


@pytest.mark.slow_when_emulated
def test_a_probe_writes_no_file(
    runs: mock.Mock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_for_files(*_: object, **__: object) -> object:
        assert list(tmp_path.iterdir()) == []
        return mock.DEFAULT

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    runs.side_effect = look_for_files
    assert probe(tmp_path / "libedgetpu.so.1").outcome is Outcome.NOT_OPENED
    assert runs.call_count == 1


@pytest.mark.slow_when_emulated
def test_a_probe_that_found_no_device_is_repeated(
    tmp_path: Path, runs: mock.Mock, c_compiler: str
) -> None:
    fresh = library.build(tmp_path)
    runs.reset_mock()
    with plugged_in(fresh, TWIN, ["usb"]):
        for _ in range(2):
            with pytest.raises(EdgeTpuError, match="no Edge TPU 'pci'"):
                edgetpu.make_interpreter(COMPILED, "pci")
    assert runs.call_count == 2


@pytest.mark.parametrize(
    ("status", "outcome", "detail"),
    [
        (-11, Outcome.INCOMPATIBLE, "crashed with SIGSEGV"),
        (-9, Outcome.INCONCLUSIVE, "exit status -9"),
        (0xC0000005, Outcome.INCOMPATIBLE, "crashed with error 0xC0000005"),  # on Windows
        (0xC000013A, Outcome.INCONCLUSIVE, "exit status 3221225786"),  # Ctrl-C
        (1, Outcome.INCONCLUSIVE, "exit status 1"),
    ],
)
def test_only_a_crash_of_its_own_says_that_the_library_is_incompatible(
    status: int, outcome: Outcome, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.CompletedProcess([], status, b"model read\r\n", b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    assert probing.probe("libedgetpu.so.1", "a_runtime", COMPILED, None) == (outcome, detail)


def test_the_delegate_of_the_caller_is_not_probed(edge_tpus: EdgeTpus, runs: mock.Mock) -> None:
    with edge_tpus(TWIN):
        delegate = edgetpu.load_edgetpu_delegate()
        edgetpu.make_interpreter(COMPILED, delegate=delegate)
    assert runs.call_count == 0


@pytest.mark.slow_when_emulated
def test_a_broken_model_is_inconclusive(edge_tpus: EdgeTpus, stand_in_library: Path) -> None:
    with edge_tpus():
        assert (
            probe(stand_in_library, COMPILED[: len(COMPILED) // 2]).outcome is Outcome.INCONCLUSIVE
        )


def test_a_timeout_is_inconclusive(
    edge_tpus: EdgeTpus, stand_in_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "_TIMEOUT", 0.01)
    with edge_tpus():
        assert probe(stand_in_library).outcome is Outcome.INCONCLUSIVE


def test_a_python_that_cannot_be_started_is_inconclusive(
    stand_in_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert probe(stand_in_library).outcome is Outcome.INCONCLUSIVE
    monkeypatch.setattr(sys, "executable", None)
    assert probe(stand_in_library).outcome is Outcome.INCONCLUSIVE


@pytest.mark.slow_when_emulated
def test_files_beside_a_script_do_not_hide_the_standard_library(
    edge_tpus: EdgeTpus, stand_in_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("re.py").write_text("raise RuntimeError('not the standard library')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    with edge_tpus():
        assert probe(stand_in_library) == ProbeResult(Outcome.COMPATIBLE, "")


@pytest.mark.slow_when_emulated
def test_the_process_imports_little_beside_the_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, standard = tmp_path / "found.txt", tmp_path / "standard.txt"
    list_modules = "import sys; open({!r}, 'w').write(' '.join(sys.modules))"
    tmp_path.joinpath("a_runtime.py").write_text(list_modules.format(str(found)))
    monkeypatch.syspath_prepend(tmp_path)
    probing.probe("libedgetpu.so.1", "a_runtime", COMPILED, None)
    names = "contextlib, enum, importlib, os, resource, signal, subprocess, threading, typing"
    code = f"import {names}; {list_modules.format(str(standard))}"
    subprocess.run([sys.executable, "-c", code], check=True)
    ours = {"coral_learn", "coral_learn.edgetpu", "coral_learn.edgetpu.probe_process", "a_runtime"}
    modules = set(found.read_text().split())
    assert ours <= modules
    assert modules - ours <= set(standard.read_text().split())
    assert not {"numpy", "flatbuffers", "ctypes", "subprocess"} & modules


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_forked_during_a_probe_can_probe(stand_in_library: Path) -> None:
    code = """if True:
        import os, sys
        from coral_learn.edgetpu import probe as probing
        arguments = sys.argv[1], "ai_edge_litert.interpreter", b"", None
        with probing._lock:
            child = os.fork()
            if child == 0:
                probing.probe_once(*arguments)
                os._exit(5)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    command = [sys.executable, "-c", code, str(stand_in_library)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.stdout == "5\n"
