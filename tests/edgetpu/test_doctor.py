"""What ``doctor`` finds on good and bad setups, which are made here."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import pytest
from tests.support.averaging_model import averaging_model
from tests.support.model_builder import build_classifier
from tests.support.stand_in import library
from tests.support.stand_in.devices import StandIn, plugged_in
from tests.support.stand_in.models import compiled

from coral_learn import edgetpu
from coral_learn.edgetpu.devices import DEVICE_VARIABLE
from coral_learn.edgetpu.diagnosis import Diagnosis, ModelNeeds
from coral_learn.edgetpu.doctor import doctor
from coral_learn.edgetpu.library import LIBRARY_VARIABLE
from coral_learn.edgetpu.problem import Problem
from coral_learn.tflite.graph import EDGETPU_CUSTOM_OP
from coral_learn.tflite.labels import attach_labels

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]

TWIN = averaging_model()
COMPILED = compiled(TWIN)


def only_problem(diagnosis: Diagnosis) -> str:
    assert not diagnosis.ok
    (problem,) = diagnosis.problems
    assert problem.fix
    return problem.what


@pytest.mark.parametrize("model", [None, COMPILED, TWIN], ids=["no model", "compiled", "plain"])
def test_a_good_setup_is_ok(edge_tpus: EdgeTpus, stand_in_library: Path, model: bytes) -> None:
    with edge_tpus(None, ["usb", "pci"]) as tpus:
        diagnosis = doctor(model)
        assert diagnosis.problems == []
        assert diagnosis.ok
        assert [asdict(device) for device in diagnosis.devices] == tpus.devices
    assert diagnosis.runtime == edgetpu.runtime_name()
    assert diagnosis.libedgetpu == "BuildLabel(stand-in), RuntimeVersion(14)"
    assert diagnosis.libedgetpu_path == str(stand_in_library)
    assert diagnosis.runtime_path is not None
    assert Path(diagnosis.runtime_path).exists()


def test_no_libedgetpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, str(tmp_path / library.NAME))
    diagnosis = doctor(device="usb")
    what = only_problem(diagnosis)
    assert what == f"the Edge TPU library {tmp_path / library.NAME} is not installed"
    assert "run on the CPU without it" in diagnosis.problems[0].fix
    assert diagnosis.libedgetpu is None
    assert diagnosis.devices == []
    assert diagnosis.runtime == edgetpu.runtime_name()


def test_no_device(edge_tpus: EdgeTpus) -> None:
    with edge_tpus(None, []):
        assert only_problem(doctor(device=":0")) == "no Edge TPU was found"
        assert only_problem(doctor(COMPILED)) == "no Edge TPU was found"
        assert doctor().notes == doctor(TWIN).notes == ["No Edge TPU: models run on the CPU."]
        assert doctor().ok


def test_no_edge_tpu_is_a_problem_only_where_one_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, str(tmp_path / library.NAME))
    for diagnosis in (doctor(), doctor(TWIN), doctor(device="cpu")):
        assert diagnosis.ok
        assert diagnosis.notes[0] == "No Edge TPU: models run on the CPU."
        assert "is not installed" in diagnosis.notes[1]
    assert "is not installed" in only_problem(doctor(COMPILED))
    monkeypatch.setenv(DEVICE_VARIABLE, "usb")
    assert "is not installed" in only_problem(doctor())
    assert doctor(device="cpu").ok
    monkeypatch.setenv(DEVICE_VARIABLE, "tpu9")
    assert "invalid device 'tpu9'" in only_problem(doctor())
    with pytest.raises(ValueError, match="invalid device 'usbb'"):
        doctor(device="usbb")


def test_an_attached_edge_tpu_needs_its_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, str(tmp_path / library.NAME))
    monkeypatch.setattr("coral_learn.edgetpu.device_problems._NODES", tmp_path)
    (tmp_path / "apex_0").touch()
    assert "is not installed" in only_problem(doctor())
    assert doctor(device="cpu").ok


def test_a_model_that_does_not_fit_the_device(edge_tpus: EdgeTpus) -> None:
    with edge_tpus(None, ["usb"]):
        assert "cannot run on the CPU" in only_problem(doctor(COMPILED, device="cpu"))
        assert "cannot run on 'usb'" in only_problem(doctor(TWIN, device="usb"))
        assert "there is no Edge TPU 'pci'" in only_problem(doctor(device="pci"))


def test_a_device_in_use(edge_tpus: EdgeTpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_BUSY", "1")
    with edge_tpus(None, ["pci"]):
        assert only_problem(doctor()) == "the Edge TPU pci /dev/stand-in_0 could not be opened"


@pytest.mark.slow_when_emulated
@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("variant", ["-DOLD_ABI_WILD", "-DOLD_ABI_ZEROS"])
@pytest.mark.parametrize("model", [None, COMPILED], ids=["no model", "compiled"])
def test_the_old_abi(tmp_path: Path, variant: str, model: bytes | None) -> None:
    with plugged_in(library.build(tmp_path, variant)):
        assert f"is not compatible with {edgetpu.runtime_name()}" in only_problem(doctor(model))


@pytest.mark.usefixtures("c_compiler")
def test_a_missing_dependency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = library.build_with_missing_dependency(tmp_path, "libusb-1.0.so.99")
    monkeypatch.setenv(LIBRARY_VARIABLE, str(file))
    diagnosis = doctor(device="usb")
    assert only_problem(diagnosis) == f"{file} needs libusb-1.0.so.99, which is not installed"
    assert "libusb" in diagnosis.problems[0].fix


@pytest.mark.usefixtures("c_compiler")
def test_another_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = library.build_for_another_cpu(tmp_path)
    monkeypatch.setenv(LIBRARY_VARIABLE, str(file))
    assert only_problem(doctor(device="usb")).startswith(
        f"{file} was built for another kind of CPU"
    )


def command(*arguments: str, status: int) -> str:
    """Runs ``coral-learn doctor`` and returns what it prints."""
    program = Path(sys.executable).with_name("coral-learn")
    done = subprocess.run([program, "doctor", *arguments], stdout=subprocess.PIPE, text=True)
    assert done.returncode == status
    return done.stdout


@pytest.mark.slow_when_emulated
def test_the_command_ends_with_0_without_problems(edge_tpus: EdgeTpus) -> None:
    with edge_tpus():
        assert "No problems were found." in command(status=0)


@pytest.mark.slow_when_emulated
def test_the_command_ends_with_0_on_a_laptop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, str(tmp_path / library.NAME))
    assert "No Edge TPU: models run on the CPU." in command(status=0)


BAD_SETUPS: dict[str, Callable[[Path], Path]] = {
    "no library": lambda folder: folder / library.NAME,
    "no device": library.build,
    "old ABI": lambda folder: library.build(folder, "-DOLD_ABI_WILD"),
    "no libusb": lambda folder: library.build_with_missing_dependency(folder, "libusb-1.0.so.99"),
    "another CPU": library.build_for_another_cpu,
}


@pytest.mark.slow_when_emulated
@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("setup", BAD_SETUPS)
def test_the_command_ends_with_1_and_prints_the_fix(
    setup: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, str(BAD_SETUPS[setup](tmp_path)))
    monkeypatch.setenv("STAND_IN_DEVICES", "" if setup == "no device" else "usb=/dev/stand-in_0")
    report = json.loads(command("--device", "usb", "--json", status=1))
    printed = command("--device", "usb", status=1)
    assert not report["ok"]
    (problem,) = report["problems"]
    assert f"Problem: {problem['what']}" in printed
    assert problem["fix"]
    assert f"Fix: {problem['fix']}" in printed


def test_a_missing_or_broken_model(edge_tpus: EdgeTpus) -> None:
    with edge_tpus():
        assert only_problem(doctor("nowhere.tflite")).startswith("Failed to open file: nowhere")
        assert "damaged" in only_problem(doctor(TWIN[: len(TWIN) // 2]))


def test_a_compiled_model_that_needs_a_newer_libedgetpu(
    edge_tpus: EdgeTpus, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data_dir / "models" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite"
    with edge_tpus():
        diagnosis = doctor(path)
        assert diagnosis.ok
        assert diagnosis.model == ModelNeeds(compiled=True, runtime_version=12)
        monkeypatch.setenv("STAND_IN_VERSION", "BuildLabel(old), RuntimeVersion(10)")
        what = only_problem(doctor(path))
    assert what == "the model needs version 12 of libedgetpu's runtime, and 10 is installed"


def test_a_label_named_like_the_edge_tpus_operator_does_not_make_a_model_compiled(
    edge_tpus: EdgeTpus,
) -> None:
    model = build_classifier(classes=2).content
    with edge_tpus():
        diagnosis = doctor(attach_labels(model, [EDGETPU_CUSTOM_OP, "daisy"]).content)
    assert diagnosis.ok
    assert diagnosis.model == ModelNeeds(compiled=False, runtime_version=None)


@pytest.mark.slow_when_emulated
def test_the_command_prints_this_json(edge_tpus: EdgeTpus, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(COMPILED)
    with edge_tpus(None, ["pci"]) as tpus:
        report = json.loads(command("--model", str(path), "--json", status=0))
        expected = doctor(path).to_json()
    assert Path(report["python_path"]).samefile(expected.pop("python_path"))
    assert {name: report[name] for name in expected} == expected
    assert list(report) == [
        "ok",
        "problems",
        "notes",
        "coral_learn",
        "python",
        "python_path",
        "system",
        "runtime",
        "runtime_path",
        "libedgetpu",
        "libedgetpu_path",
        "devices",
        "model",
    ]
    assert report["ok"] is True
    assert report["problems"] == []
    assert report["coral_learn"] == metadata.version("coral-learn")
    assert report["python"] == platform.python_version()
    assert report["system"] == platform.platform()
    assert report["devices"] == tpus.devices == [{"type": "pci", "path": "/dev/stand-in_0"}]
    assert report["model"] == {"compiled": True, "runtime_version": None}


def test_problems_in_the_json_have_a_fix() -> None:
    report = Diagnosis(
        problems=[Problem("no Edge TPU was found", "plug one in")],
        coral_learn="1",
        python="3",
        python_path="/usr/bin/python3",
        system="Linux",
    ).to_json()
    assert report["ok"] is False
    assert report["problems"] == [{"what": "no Edge TPU was found", "fix": "plug one in"}]


@pytest.mark.slow_when_emulated
def test_an_unknown_runtime(edge_tpus: EdgeTpus) -> None:
    code = "import json, coral_learn; print(json.dumps(coral_learn.doctor().to_json()))"
    with edge_tpus():
        environment = {**os.environ, edgetpu.RUNTIME_VARIABLE: "torch"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
    report = json.loads(done.stdout)
    assert not report["ok"]
    (problem,) = report["problems"]
    assert problem["what"].startswith("CORAL_LEARN_RUNTIME is 'torch'")
    assert problem["fix"]
    assert report["runtime"] is None
