"""Errors have the types that the original raises, which scripts catch, and words that it pins."""

import os
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from tests.support.averaging_model import averaging_model
from tests.support.detection_model import detection_model
from tests.support.stand_in import library
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

from coral_learn import EdgeTpuError, ModelError
from coral_learn.edgetpu.library import LIBRARY_VARIABLE
from coral_learn.edgetpu.runtime import Interpreter
from coral_learn.errors import DelegateError, LibraryError, ModelRunError
from coral_learn.pycoral.utils import edgetpu

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]

TWIN = averaging_model()
COMPILED = compiled(TWIN)
UNKNOWN_OPERATOR = detection_model().replace(
    b"TFLite_Detection_PostProcess", b"Nobody_Has_This_Operator____"
)


def allocated(model: bytes) -> Interpreter:
    interpreter = edgetpu.make_interpreter(model)
    interpreter.allocate_tensors()
    return interpreter


# What is done, the type that the original raises, and the beginning of its message.
FILES_AND_RUNS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a file that is not there": (
        lambda: edgetpu.make_interpreter("invalid_model_path.tflite"),
        ValueError,
        r"Could not open 'invalid_model_path\.tflite'\. No such file or directory$",
    ),
    "a path object of a folder": (
        lambda: edgetpu.make_interpreter(Path("/")),
        ValueError,
        r"Could not open '/'\. Is a directory$",
    ),
    "a file that is no model": (lambda: edgetpu.make_interpreter(b"no model"), ValueError, ""),
    "an operator that the runtime lacks": (lambda: allocated(UNKNOWN_OPERATOR), RuntimeError, ""),
    "a run without tensors": (
        lambda: edgetpu.make_interpreter(TWIN).invoke(),
        RuntimeError,
        r"Invoke called on model that is not ready\.",
    ),
    "too little data": (
        lambda: edgetpu.run_inference(allocated(TWIN), bytes(95)),
        ValueError,
        r"input size=95, expected=96\.",
    ),
    "data of another type": (
        lambda: edgetpu.run_inference(allocated(TWIN), "pixels"),  # type: ignore[arg-type]
        TypeError,
        r"input data type is not supported\.",
    ),
    "too little memory": (
        lambda: edgetpu.invoke_with_bytes(allocated(TWIN), bytes(95)),
        RuntimeError,
        "",
    ),
    "a dma-buf": (lambda: edgetpu.invoke_with_dmabuffer(allocated(TWIN), 0, 96), RuntimeError, ""),
}
DEVICES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "an unknown device": (
        lambda: edgetpu.make_interpreter(COMPILED, device=":1000"),
        ValueError,
        r"Failed to load delegate from .*there is no Edge TPU ':1000'",
    ),
    "a device that is no device": (
        lambda: edgetpu.make_interpreter(COMPILED, device="foo"),
        ValueError,
        r"Failed to load delegate from .*invalid device 'foo'",
    ),
    "a delegate of an unknown device": (
        lambda: edgetpu.load_edgetpu_delegate({"device": "pci:3"}),
        ValueError,
        "Failed to load delegate from ",
    ),
}


@pytest.mark.parametrize("situation", FILES_AND_RUNS)
def test_files_and_runs(situation: str) -> None:
    action, kind, words = FILES_AND_RUNS[situation]
    with pytest.raises(kind, match=f"^{words}"):
        action()


@pytest.mark.parametrize("situation", DEVICES)
def test_devices(situation: str, edge_tpus: EdgeTpus) -> None:
    action, kind, words = DEVICES[situation]
    with edge_tpus(TWIN), pytest.raises(kind, match=f"^{words}"):
        action()


@pytest.mark.parametrize("make", [edgetpu.load_edgetpu_delegate, lambda: allocated(COMPILED)])
def test_no_device(make: Callable[[], object], edge_tpus: EdgeTpus) -> None:
    """Scripts fall back to the CPU with ``except ValueError``."""
    with (
        edge_tpus(TWIN, []),
        pytest.raises(ValueError, match=r"^Failed to load delegate ") as caught,
    ):
        make()
    assert isinstance(caught.value, DelegateError)


@pytest.mark.parametrize(
    "call",
    [edgetpu.load_edgetpu_delegate, lambda: allocated(COMPILED), edgetpu.get_runtime_version],
)
def test_no_library(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, "/nowhere/libedgetpu.so.1")
    for kind in (OSError, ValueError, RuntimeError):
        with pytest.raises(kind, match="is not installed") as caught:
            call()
        assert isinstance(caught.value, LibraryError)


@pytest.mark.slow_when_emulated
@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("variant", ["-DOLD_ABI_WILD", "-DOLD_ABI_ZEROS", "-DNO_ENTRY_POINTS"])
def test_a_library_that_cannot_be_used(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, str(library.build(tmp_path, variant)))
    monkeypatch.setenv("STAND_IN_DEVICES", "usb=/sys/bus/usb/devices/stand-in-0")
    with pytest.raises(ValueError, match=r"^Failed to load delegate from ") as caught:
        allocated(COMPILED)
    assert isinstance(caught.value, DelegateError)


def test_a_device_that_is_unplugged(edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN, unplugged_after={0: 1}):
        interpreter = allocated(COMPILED)
        edgetpu.run_inference(interpreter, bytes(96))
        for run in (interpreter.invoke, lambda: edgetpu.run_inference(interpreter, bytes(96))):
            with pytest.raises(RuntimeError, match="plug it in again"):
                run()


@pytest.mark.parametrize(
    "kind", [DelegateError, EdgeTpuError, LibraryError, ModelError, ModelRunError]
)
def test_errors_survive_the_way_to_another_process(kind: type[Exception]) -> None:
    error = pickle.loads(pickle.dumps(kind("what: fix")))
    assert (type(error), str(error)) == (kind, "what: fix")


def test_a_script_names_the_library(
    stand_in_library: Path, edge_tpus: EdgeTpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Scripts set the private variable for a libedgetpu that is elsewhere."""
    with edge_tpus(TWIN):
        named = tmp_path / "libedgetpu.so.1.0"
        named.symlink_to(stand_in_library)
        monkeypatch.setenv(LIBRARY_VARIABLE, "/nowhere/libedgetpu.so.1")
        assert edgetpu._EDGETPU_SHARED_LIB == "/nowhere/libedgetpu.so.1"
        with pytest.raises(OSError, match="/nowhere"):
            edgetpu.load_edgetpu_delegate()
        edgetpu._EDGETPU_SHARED_LIB = str(named)
        interpreter = allocated(COMPILED)
        edgetpu.run_inference(interpreter, np.full(96, 7, np.uint8))
        assert os.environ[LIBRARY_VARIABLE] == edgetpu._EDGETPU_SHARED_LIB == str(named)
        assert len(edgetpu.list_edge_tpus()) == 1
