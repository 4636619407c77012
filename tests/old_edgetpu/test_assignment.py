"""Which Edge TPU an engine gets, and what ListEdgeTpuPaths says about it."""

import gc
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from tests.support.averaging_model import averaging_model
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

from coral_learn.edgetpu import DEVICE_VARIABLE, get_runtime_version
from coral_learn.edgetpu.library import LIBRARY_VARIABLE
from coral_learn.old_edgetpu.basic import edgetpu_utils
from coral_learn.old_edgetpu.basic.basic_engine import BasicEngine
from coral_learn.old_edgetpu.basic.edgetpu_utils import (
    EDGE_TPU_STATE_ASSIGNED,
    EDGE_TPU_STATE_NONE,
    EDGE_TPU_STATE_UNASSIGNED,
    ListEdgeTpuPaths,
)

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]

TWIN = averaging_model()
PIXELS = np.arange(96, dtype=np.uint8)
USB_0, USB_1 = "/sys/bus/usb/devices/stand-in-0", "/sys/bus/usb/devices/stand-in-1"


@pytest.fixture
def on_cpu(tmp_path: Path) -> str:
    (tmp_path / "model.tflite").write_bytes(TWIN)
    return str(tmp_path / "model.tflite")


@pytest.fixture
def on_edge_tpu(tmp_path: Path) -> str:
    (tmp_path / "model_edgetpu.tflite").write_bytes(compiled(TWIN))
    return str(tmp_path / "model_edgetpu.tflite")


@pytest.fixture(autouse=True)
def _no_engines_of_other_tests() -> None:
    gc.collect()  # errors that pytest has caught keep the engines of their tests


def assigned() -> tuple[str, ...]:
    return ListEdgeTpuPaths(EDGE_TPU_STATE_ASSIGNED)


def unassigned() -> tuple[str, ...]:
    return ListEdgeTpuPaths(EDGE_TPU_STATE_UNASSIGNED)


def test_a_compiled_model_gives_the_results_of_the_cpu(
    on_cpu: str, on_edge_tpu: str, edge_tpus: EdgeTpus
) -> None:
    _, expected = BasicEngine(on_cpu).run_inference(PIXELS)
    with edge_tpus(TWIN) as tpus:
        engine = BasicEngine(on_edge_tpu)
        _, found = engine.run_inference(PIXELS)
        assert engine.device_path() == USB_0
        assert tpus.inferences == [1]
        assert tpus.opened == [(0, {"device": ":0"})]
    np.testing.assert_array_equal(found, expected)


def test_engines_get_different_edge_tpus(on_edge_tpu: str, edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN, ["usb", "usb"]) as tpus:
        assert ListEdgeTpuPaths(EDGE_TPU_STATE_NONE) == unassigned() == (USB_0, USB_1)
        assert assigned() == ()
        first = BasicEngine(on_edge_tpu)
        assert (assigned(), unassigned()) == ((USB_0,), (USB_1,))
        second = BasicEngine(on_edge_tpu)
        assert (assigned(), unassigned()) == ((USB_0, USB_1), ())
        assert (first.device_path(), second.device_path()) == (USB_0, USB_1)
        assert [device for device, _ in tpus.opened] == [0, 1]
        with pytest.raises(RuntimeError) as raised:
            BasicEngine(on_edge_tpu)
        assert str(raised.value) == (
            "Multiple Edge TPUs detected and all have been mapped to at least one model. If you "
            "want to share one Edge TPU with multiple models, specify `device_path` name."
        )


def test_an_edge_tpu_is_free_when_its_engine_is_gone(on_edge_tpu: str, edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN, ["usb", "usb"]) as tpus:
        engine = BasicEngine(on_edge_tpu)
        engine.run_inference(PIXELS)
        del engine
        gc.collect()
        assert assigned() == ()
        assert tpus.open_delegates == 0
        assert BasicEngine(on_edge_tpu).device_path() == USB_0


def test_engines_share_the_only_edge_tpu(on_edge_tpu: str, edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN) as tpus:
        engines = [BasicEngine(on_edge_tpu) for _ in range(3)]
        assert {engine.device_path() for engine in engines} == {USB_0}
        for engine in engines:
            engine.run_inference(PIXELS)
        assert tpus.inferences == [3]
        del engines[:2], engine
        gc.collect()
        assert assigned() == (USB_0,)


def test_an_edge_tpu_is_chosen_by_its_path(on_edge_tpu: str, edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN, ["usb", "pci", "usb"]) as tpus:
        paths = ListEdgeTpuPaths(EDGE_TPU_STATE_NONE)
        engines = [BasicEngine(on_edge_tpu, path) for path in (*paths, paths[2])]
        assert [engine.device_path() for engine in engines] == [*paths, paths[2]]
        assert [device for device, _ in tpus.opened] == [0, 1, 2, 2]
        engines[2].run_inference(PIXELS)
        assert tpus.inferences == [0, 0, 1]


def test_the_faster_kind_of_edge_tpu_comes_first(on_edge_tpu: str, edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN, ["usb", "pci"]) as tpus:
        engines = [BasicEngine(on_edge_tpu) for _ in range(2)]
        assert [device for device, _ in tpus.opened] == [1, 0]
        assert engines[0].device_path() == "/dev/stand-in_1"


@pytest.mark.parametrize("model", ["on_cpu", "on_edge_tpu"])
def test_an_unknown_path(model: str, request: pytest.FixtureRequest, edge_tpus: EdgeTpus) -> None:
    path = request.getfixturevalue(model)
    with edge_tpus(TWIN), pytest.raises(RuntimeError) as raised:
        BasicEngine(path, "invalid_edgetpu_device_path")
    assert str(raised.value) == (
        "Path invalid_edgetpu_device_path does not map to an Edge TPU device."
    )


def test_a_model_for_the_cpu_needs_no_edge_tpu(on_cpu: str, edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN, []), pytest.warns(UserWarning, match="no Edge TPU '/dev/apex_0'"):
        engine = BasicEngine(on_cpu, "/dev/apex_0")
    assert engine.device_path() == ""


def test_a_path_without_libedgetpu(on_edge_tpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, "/nowhere/libedgetpu.so.1")
    with pytest.raises(RuntimeError, match=r"/nowhere/libedgetpu\.so\.1"):
        BasicEngine(on_edge_tpu, USB_0)
    with pytest.raises(RuntimeError, match=r"/nowhere/libedgetpu\.so\.1"):
        BasicEngine(on_edge_tpu)


def test_no_edge_tpu(on_cpu: str, on_edge_tpu: str, edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN, []):
        assert ListEdgeTpuPaths(EDGE_TPU_STATE_NONE) == ()
        engine = BasicEngine(on_cpu)
        assert engine.device_path() == ""
        engine.run_inference(PIXELS)
        with pytest.raises(RuntimeError, match="Edge TPU"):
            BasicEngine(on_edge_tpu)


def test_an_engine_on_the_cpu_is_given_an_edge_tpu_as_well(
    on_cpu: str, edge_tpus: EdgeTpus
) -> None:
    with edge_tpus(TWIN, ["usb", "usb"]) as tpus:
        engines = [BasicEngine(on_cpu) for _ in range(2)]
        assert [engine.device_path() for engine in engines] == [USB_0, USB_1]
        assert assigned() == (USB_0, USB_1)
        assert BasicEngine(on_cpu).device_path() == ""  # does not fail, because it needs none
        assert BasicEngine(on_cpu, USB_1).device_path() == USB_1
        engines[0].run_inference(PIXELS)
        assert tpus.opened == []


def test_the_device_variable_limits_the_choice(
    on_edge_tpu: str, edge_tpus: EdgeTpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    with edge_tpus(TWIN, ["usb", "pci", "usb"]):
        monkeypatch.setenv(DEVICE_VARIABLE, "usb:1")
        assert BasicEngine(on_edge_tpu).device_path() == "/sys/bus/usb/devices/stand-in-2"
        assert BasicEngine(on_edge_tpu, USB_0).device_path() == USB_0
        monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
        with pytest.raises(RuntimeError, match="cannot run on the CPU"):
            BasicEngine(on_edge_tpu)


def test_an_engine_that_fails_is_given_no_edge_tpu(tmp_path: Path, edge_tpus: EdgeTpus) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model at all")
    with edge_tpus(TWIN), pytest.raises(RuntimeError) as kept:
        BasicEngine(str(broken))
    assert kept.value.__traceback__ is not None
    with edge_tpus(TWIN):
        assert assigned() == ()


def test_engines_that_are_made_at_the_same_time_get_different_edge_tpus(
    on_edge_tpu: str, edge_tpus: EdgeTpus
) -> None:
    engines = []
    with edge_tpus(TWIN, ["usb"] * 4):
        threads = [
            threading.Thread(target=lambda: engines.append(BasicEngine(on_edge_tpu)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {engine.device_path() for engine in engines} == set(
            ListEdgeTpuPaths(EDGE_TPU_STATE_NONE)
        )
        engines.clear()


def test_versions(edge_tpus: EdgeTpus) -> None:
    with edge_tpus(TWIN):
        assert edgetpu_utils.GetRuntimeVersion() == get_runtime_version()
    assert edgetpu_utils.SUPPORTED_RUNTIME_VERSION == "RuntimeVersion(12)"
