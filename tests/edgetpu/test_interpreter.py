"""Running models on the CPU and on stand-in Edge TPUs, and the errors if neither is possible."""

import gc
import os
import re
import shlex
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from tests.support.averaging_model import averaging_model
from tests.support.model_builder import build_classifier
from tests.support.stand_in import library
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

from coral_learn import edgetpu
from coral_learn.edgetpu import quiet
from coral_learn.edgetpu.devices import choose_device
from coral_learn.edgetpu.library import LIBRARY_VARIABLE
from coral_learn.errors import EdgeTpuError, ModelError
from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile, ModelSource
from coral_learn.tflite.graph import EDGETPU_CUSTOM_OP
from coral_learn.tflite.labels import attach_labels

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]

TWIN = averaging_model()
COMPILED = compiled(TWIN)


def infer(
    model: ModelSource,
    device: str | None = None,
    delegate: edgetpu.Delegate | None = None,
    *,
    num_threads: int | None = None,
    reproducible: bool = False,
) -> np.ndarray:
    interpreter = edgetpu.make_interpreter(
        model, device, delegate, num_threads=num_threads, reproducible=reproducible
    )
    return run(interpreter)


def run(interpreter: edgetpu.Interpreter) -> np.ndarray:
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    values = np.arange(np.prod(details["shape"])).astype(details["dtype"])
    interpreter.set_tensor(details["index"], values.reshape(details["shape"]))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )


def test_a_plain_model_runs_on_the_cpu_from_a_path_bytes_or_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(TWIN)
    expected = infer(TWIN)
    assert expected.shape == (1, 1, 1, 3)
    assert expected.any()
    for model in (path, str(path), bytearray(TWIN), ModelFile(TWIN)):
        np.testing.assert_array_equal(infer(model), expected)


def test_threads_and_reproducible_kernels_can_be_chosen() -> None:
    np.testing.assert_allclose(infer(TWIN, num_threads=2, reproducible=True), infer(TWIN), atol=1)
    with pytest.raises(ValueError, match="num_threads must be at least 1, not 0"):
        edgetpu.make_interpreter(TWIN, num_threads=0)


def test_a_plain_model_warns_once_if_an_edge_tpu_was_requested() -> None:
    with pytest.warns(UserWarning, match="runs on the CPU, not on 'usb'") as warned:
        infer(TWIN, device="usb")
    assert len(warned) == 1


def test_a_label_named_like_the_edge_tpus_operator_does_not_make_a_model_compiled() -> None:
    model = build_classifier(classes=2).content
    labelled = attach_labels(model, [EDGETPU_CUSTOM_OP, "daisy"]).content
    assert EDGETPU_CUSTOM_OP.encode() in labelled
    np.testing.assert_array_equal(infer(labelled, device="cpu"), infer(model, device="cpu"))


def test_a_model_is_parsed_once_for_all_of_its_interpreters() -> None:
    model_class = schema.ModelT
    parse = model_class.InitFromBuf
    with mock.patch.object(model_class, "InitFromBuf", side_effect=parse) as parsed:
        model = ModelFile.open(TWIN)
        model.check()
        for device in (None, "cpu"):
            edgetpu.make_interpreter(model, device)
    assert parsed.call_count == 1


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_plain_model_does_not_warn_if_no_edge_tpu_was_requested(device: str | None) -> None:
    infer(TWIN, device=device)


def test_the_default_device_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(edgetpu.DEVICE_VARIABLE, "usb:1")
    assert choose_device() == "usb:1"
    assert choose_device("cpu") == "cpu"
    monkeypatch.setenv(edgetpu.DEVICE_VARIABLE, "fast")
    with pytest.raises(ValueError, match="invalid device 'fast'"):
        edgetpu.make_interpreter(TWIN)


def test_a_compiled_model_runs_on_the_requested_device(edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN, ["pci", "usb", "usb"]) as tpus:
        np.testing.assert_array_equal(infer(COMPILED, device="usb:1"), infer(TWIN))
        assert tpus.opened == [(2, {"device": "usb:1"})]
        assert tpus.inferences == [0, 0, 1]
        infer(COMPILED)
        assert tpus.opened[1:] == [(0, {})]


def test_a_delegate_of_the_caller_is_used(edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN, ["usb", "usb"]) as tpus:
        delegate = edgetpu.load_edgetpu_delegate({"device": ":1", "Performance": "Max"})
        np.testing.assert_array_equal(infer(COMPILED, delegate=delegate), infer(TWIN))
        assert tpus.opened == [(1, {"device": ":1", "Performance": "Max"})]
        assert tpus.inferences == [0, 1]


def test_nothing_is_left_open_after_use(edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN) as tpus:
        interpreter = edgetpu.make_interpreter(COMPILED)
        run(interpreter)
        assert tpus.open_delegates == 1
        watch = weakref.ref(interpreter)
        del interpreter
        gc.collect()
        assert watch() is None
        assert tpus.open_delegates == 0


def test_a_refused_model_leaves_no_delegate_open(edge_tpus: EdgeTpus) -> None:
    broken = COMPILED[: len(COMPILED) // 2] + b"edgetpu-custom-op"
    with edge_tpus(TWIN) as tpus:
        with pytest.raises(ModelError) as caught:
            edgetpu.make_interpreter(broken)
        assert tpus.open_delegates == 0, caught


def test_devices_work_side_by_side(edge_tpus: EdgeTpus, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2)
    with edge_tpus(TWIN, ["usb", "usb"]) as tpus:
        infer = tpus._infer

        def infer_with_the_other(device: int, content: bytes) -> bytes:
            both.wait(60)
            return infer(device, content)

        monkeypatch.setattr(tpus, "_infer", infer_with_the_other)
        interpreters = [edgetpu.make_interpreter(COMPILED, device) for device in (":0", ":1")]
        for interpreter in interpreters:
            interpreter.allocate_tensors()
        threads = [threading.Thread(target=each.invoke) for each in interpreters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert tpus.inferences == [1, 1]


def test_a_device_that_is_unplugged_during_use_is_an_edge_tpu_error(edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN, unplugged_after={0: 2}) as tpus:
        interpreter = edgetpu.make_interpreter(COMPILED)
        interpreter.allocate_tensors()
        interpreter.invoke()
        interpreter.invoke()
        with pytest.raises(EdgeTpuError, match=r"failed \(.*USB transfer error.*unplugged"):
            interpreter.invoke()
        assert tpus.inferences == [2]


def test_devices_that_are_plugged_in_are_listed(edge_tpus: EdgeTpus) -> None:
    with edge_tpus(None, ["usb", "pci"]) as tpus:
        assert edgetpu.list_edge_tpus() == tpus.devices
        assert [device["type"] for device in tpus.devices] == ["usb", "pci"]
        assert edgetpu.get_runtime_version() == "BuildLabel(stand-in), RuntimeVersion(14)"
    with edge_tpus(None, []):
        assert edgetpu.list_edge_tpus() == []


def test_a_compiled_model_is_refused_on_the_cpu() -> None:
    with pytest.raises(EdgeTpuError, match="compiled for the Edge TPU and cannot run on the CPU"):
        edgetpu.make_interpreter(COMPILED, device="cpu")


def test_without_a_device_the_error_says_so(edge_tpus: EdgeTpus) -> None:
    with (
        edge_tpus(None, []),
        pytest.raises(EdgeTpuError, match="no Edge TPU was found: plug one"),
    ):
        edgetpu.make_interpreter(COMPILED)


def test_the_error_about_a_missing_device_lists_the_devices_found(edge_tpus: EdgeTpus) -> None:
    with (
        edge_tpus(None, ["usb"]),
        pytest.raises(EdgeTpuError, match=r"no Edge TPU 'pci': choose .*: :0 \(usb /sys/bus/usb"),
    ):
        edgetpu.make_interpreter(COMPILED, "pci")


def test_the_error_about_a_device_in_use_says_so(
    edge_tpus: EdgeTpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_BUSY", "1")
    with (
        edge_tpus(None, ["usb"]),
        pytest.raises(
            EdgeTpuError, match=r"usb /sys\S+ could not be opened: another program is probably"
        ),
    ):
        edgetpu.make_interpreter(COMPILED)


def test_a_device_string_is_checked_before_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, "/nowhere/libedgetpu.so.1")
    with pytest.raises(ValueError, match="invalid device 'cpu'"):
        edgetpu.load_edgetpu_delegate({"device": "cpu"})


def assert_refused(library_file: Path, text: str) -> None:
    """Checks the error and that nothing is printed, in a process without an open libedgetpu."""
    code = (
        "import sys; from coral_learn import EdgeTpuError, edgetpu\n"
        "try: edgetpu.make_interpreter(sys.stdin.buffer.read())\n"
        "except EdgeTpuError as error: print(error)"
    )
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library_file.parent)}
    environment.pop(LIBRARY_VARIABLE, None)
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=COMPILED,
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert done.stderr == b""
    assert text in done.stdout.decode()
    assert edgetpu.list_edge_tpus() == []


@pytest.mark.slow_when_emulated
def test_the_error_about_a_missing_library(tmp_path: Path) -> None:
    assert_refused(tmp_path / library.NAME, "library libedgetpu.so.1 is not installed: install a")


@pytest.mark.slow_when_emulated
@pytest.mark.usefixtures("c_compiler")
def test_a_missing_dependency_is_named(tmp_path: Path) -> None:
    file = library.build_with_missing_dependency(tmp_path, "libusb-1.0.so.99")
    assert_refused(file, "libedgetpu.so.1 needs libusb-1.0.so.99, which is not installed: install")


@pytest.mark.usefixtures("c_compiler")
def test_the_error_about_a_library_for_another_cpu(tmp_path: Path) -> None:
    file = library.build_for_another_cpu(tmp_path)
    assert_refused(file, f"{file} was built for another kind of CPU")


@pytest.mark.slow_when_emulated
@pytest.mark.usefixtures("c_compiler")
def test_the_error_about_a_library_without_entry_points(tmp_path: Path) -> None:
    file = library.build(tmp_path, "-DNO_ENTRY_POINTS")
    assert_refused(file, f"{file} is not an Edge TPU library")


@pytest.mark.slow_when_emulated
def test_the_error_about_a_damaged_library(tmp_path: Path) -> None:
    file = tmp_path / library.NAME
    file.write_text("not a library")
    assert_refused(file, f"the Edge TPU library {file} cannot be loaded")


@pytest.mark.slow_when_emulated
def test_the_library_is_found_by_name(stand_in_library: Path) -> None:
    done = run_python(
        "from coral_learn import edgetpu; print(edgetpu.get_runtime_version())",
        LD_LIBRARY_PATH=str(stand_in_library.parent),
        **{LIBRARY_VARIABLE: ""},
    )
    assert done.stdout == "BuildLabel(stand-in), RuntimeVersion(14)\n"


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1c\x00\x00\x00TFL3", b"no model at all" * 100, TWIN[:100], TWIN[: len(TWIN) // 2]],
)
def test_broken_content_is_a_model_error(content: bytes) -> None:
    with pytest.raises(ModelError):
        edgetpu.make_interpreter(content)


def test_a_missing_file_is_a_model_error_with_its_path() -> None:
    with pytest.raises(ModelError, match=r"Failed to open file: nowhere/model\.tflite"):
        edgetpu.make_interpreter("nowhere/model.tflite")


def test_the_runtime_is_named_with_its_version() -> None:
    assert re.fullmatch(r"(ai-edge-litert|tflite-runtime) \d+\.\d+\.\d+", edgetpu.runtime_name())


@pytest.mark.slow_when_emulated
def test_an_unknown_runtime_is_refused_by_name() -> None:
    code = "from coral_learn import edgetpu; edgetpu.runtime_name()"
    done = run_python(code, CORAL_LEARN_RUNTIME="torch")
    assert "CORAL_LEARN_RUNTIME is 'torch': use ai-edge-litert or tflite-runtime" in done.stderr


@pytest.mark.slow_when_emulated
def test_importing_the_module_imports_no_interpreter() -> None:
    code = "import coral_learn.edgetpu, sys; print(*sys.modules)"
    modules = run_python(code).stdout.split()
    assert "coral_learn.edgetpu" in modules
    assert not {"ai_edge_litert", "tflite_runtime"} & set(modules)


INFO_LINES = """
import os, sys
from coral_learn.edgetpu import make_interpreter
from coral_learn.edgetpu.quiet import run_without_info_lines
for _ in range(2):
    interpreter = make_interpreter(sys.argv[1])
    interpreter.allocate_tensors()
run_without_info_lines(lambda: os.write(2, b"ERROR: a\\nINFO: b\\n"))
print("done", file=sys.stderr)
"""


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize("redirection", ["", "2>&-"])
def test_a_python_session_sees_no_info_lines(tmp_path: Path, redirection: str) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(build_classifier("float32").content)
    (tmp_path / "session.py").write_text(INFO_LINES)
    command = shlex.join([sys.executable, str(tmp_path / "session.py"), str(model)])
    done = subprocess.run(
        ["sh", "-c", f"{command} {redirection}"], capture_output=True, text=True, timeout=120
    )
    assert "XNNPACK" not in done.stderr
    assert redirection or done.stderr.splitlines()[0] == "ERROR: a"
    assert redirection or done.stderr.endswith("done\n")


def test_what_is_logged_during_an_error_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    quiet._pending = True

    def fail() -> None:
        os.write(2, b"ERROR: broken\nINFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        raise RuntimeError("failed")

    with pytest.raises(RuntimeError, match="failed"):
        quiet.run_without_info_lines(fail)
    assert capfd.readouterr().err == "ERROR: broken\n"
    quiet.run_without_info_lines(lambda: os.write(2, b"INFO: kept\n"))
    assert capfd.readouterr().err == "INFO: kept\n"
