"""Running models as pycoral does: kinds of data, native handles, and views that stay in use."""

import ctypes
import gc
import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.averaging_model import averaging_model
from tests.support.gst_buffer import GstBuffer
from tests.support.processes import run_python
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

from coral_learn.edgetpu.interpreter import make_interpreter as make_checked_interpreter
from coral_learn.edgetpu.runtime import Interpreter, runtime_module
from coral_learn.pycoral.adapters import common
from coral_learn.pycoral.pybind import _pywrap_coral
from coral_learn.pycoral.utils import edgetpu

SIZE = 96  # bytes of the image of 8 x 4 pixels
PIXELS = np.tile(np.array([10, 20, 30], np.uint8), 32)


class MappedMemory:
    """Has only the methods of GStreamer's Gst.Memory."""

    def __init__(self, content: bytes) -> None:
        self.data = content
        self.maps = 0

    def map(self, flags: int) -> tuple[bool, "MappedMemory"]:
        assert flags == 1
        self.maps += 1
        return self.maps == 1, self

    def unmap(self, info: "MappedMemory") -> None:
        assert info is self
        self.maps -= 1


WITH_GSTREAMER = """
import sys
sys.path.append("/usr/lib/python3/dist-packages")
try:
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
except (ImportError, ValueError) as error:
    sys.exit(print("skip", error))
from coral_learn.pycoral.utils.edgetpu import make_interpreter, run_inference
Gst.init(None)
interpreter = make_interpreter(sys.argv[1])
interpreter.allocate_tensors()
zeros = interpreter.get_tensor(interpreter.get_input_details()[0]["index"])
buffer = Gst.Buffer.new_wrapped(bytes([10, 20, 30] * 32) + b"padding")
for data in (buffer, buffer.peek_memory(0)):
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], zeros)
    run_inference(interpreter, data)
output = interpreter.get_output_details()[0]
print(interpreter.get_tensor(output["index"]).ravel().tolist())
"""
KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": lambda pixels: pixels,
    "signed array": lambda pixels: pixels.view(np.int8),
    "strided array": lambda pixels: np.repeat(pixels, 2)[::2],
    "bytes": np.ndarray.tobytes,
    "bytearray": bytearray,
    "memoryview": lambda pixels: memoryview(bytearray(pixels)),
    "pointer": lambda pixels: (pixels.ctypes.data_as(ctypes.c_void_p), pixels.size),
    "GStreamer": lambda pixels: GstBuffer(pixels.tobytes()),
    "mapped": lambda pixels: MappedMemory(pixels.tobytes()),
}


@pytest.fixture
def interpreter() -> Interpreter:
    """An interpreter whose output is the mean of each color channel of an 8 x 4 image."""
    interpreter = edgetpu.make_interpreter(averaging_model())
    interpreter.allocate_tensors()
    return interpreter


def output(interpreter: Interpreter) -> list[int]:
    means: list[int] = common.output_tensor(interpreter, 0).ravel().tolist()
    return means


class TestRunInference:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("padding", [0, 1, 50])
    def test_every_kind_of_data(self, interpreter: Interpreter, kind: str, padding: int) -> None:
        """A camera's buffers are often longer than the image."""
        padded = np.append(PIXELS, np.full(padding, 255, np.uint8))
        edgetpu.run_inference(interpreter, KINDS[kind](padded))
        assert output(interpreter) == [10, 20, 30]

    @pytest.mark.parametrize("kind", KINDS)
    def test_too_few_elements_are_refused(self, interpreter: Interpreter, kind: str) -> None:
        short = np.zeros(SIZE - 1, np.uint8)
        with pytest.raises(ValueError, match=re.escape("input size=95, expected=96.")):
            edgetpu.run_inference(interpreter, KINDS[kind](short))

    def test_an_array_of_another_size_of_numbers_is_refused(self, interpreter: Interpreter) -> None:
        with pytest.raises(ValueError, match=r"array of int64, .* takes uint8: .*astype"):
            edgetpu.run_inference(interpreter, PIXELS.astype(np.int64))

    @pytest.mark.parametrize("data", [[0] * SIZE, None, (1, 2), (ctypes.c_void_p(), SIZE)])
    def test_other_data_is_refused(self, interpreter: Interpreter, data: object) -> None:
        with pytest.raises(TypeError, match="input data type is not supported"):
            edgetpu.run_inference(interpreter, data)  # type: ignore[arg-type] # is refused

    def test_a_float_model_takes_floats(self) -> None:
        interpreter = edgetpu.make_interpreter(averaging_model(np.float32))
        interpreter.allocate_tensors()
        values = np.tile(np.array([0.5, -1, 2], np.float32), 33)
        for data in (values, values.tobytes(), KINDS["pointer"](values)):
            edgetpu.run_inference(interpreter, data)
            assert output(interpreter) == [0.5, -1, 2]
        with pytest.raises(ValueError, match="array of uint8"):
            edgetpu.run_inference(interpreter, PIXELS)

    def test_without_tensors(self) -> None:
        interpreter = edgetpu.make_interpreter(averaging_model())
        with pytest.raises(RuntimeError, match=r"not ready\. Call allocate_tensors\(\) first\."):
            edgetpu.run_inference(interpreter, PIXELS)

    @pytest.mark.slow_when_emulated
    def test_a_real_buffer_of_gstreamer(self, tmp_path: Path) -> None:
        """With Debian's PyGObject, if it was built for this version of Python."""
        (tmp_path / "model.tflite").write_bytes(averaging_model())
        done = run_python("-c", WITH_GSTREAMER, tmp_path / "model.tflite")
        if done.stdout.startswith("skip"):
            pytest.skip(f"no GStreamer for this Python: {done.stdout[5:].strip()}")
        assert done.stdout == "[10, 20, 30]\n"


class TestViews:
    def test_views_in_use_stop_no_run(self, interpreter: Interpreter) -> None:
        views = [common.output_tensor(interpreter, 0), common.input_tensor(interpreter)]
        for level in (10, 20):
            edgetpu.run_inference(interpreter, np.full(SIZE, level, np.uint8))
            assert views[0].tolist() == [[[[level] * 3]]]
        interpreter.invoke()

    def test_views_in_use_on_an_edge_tpu(
        self, edge_tpus: Callable[..., AbstractContextManager[StandIn]]
    ) -> None:
        model = averaging_model()
        with edge_tpus(model) as tpus:
            interpreter = edgetpu.make_interpreter(compiled(model))
            interpreter.allocate_tensors()
            view = common.output_tensor(interpreter, 0)
            for level in (10, 20):
                edgetpu.run_inference(interpreter, np.full(SIZE, level, np.uint8))
                assert view.tolist() == [[[[level] * 3]]]
            assert tpus.inferences == [2]
            del interpreter, view
            gc.collect()
            assert tpus.open_delegates == 0

    def test_the_runtimes_own_interpreter_runs_too(self) -> None:
        interpreter = runtime_module().Interpreter(model_content=averaging_model())
        interpreter.allocate_tensors()
        view = common.output_tensor(interpreter, 0)
        edgetpu.run_inference(interpreter, PIXELS)
        assert view.ravel().tolist() == [10, 20, 30]

    def test_this_packages_interpreters_protect_views(self) -> None:
        """Outside of pycoral's functions, as in the runtimes, a view is not changed by a run."""
        interpreter = make_checked_interpreter(averaging_model())
        interpreter.allocate_tensors()
        view = common.output_tensor(interpreter, 0)
        with pytest.raises(RuntimeError, match="keep a copy"):
            interpreter.invoke()
        del view
        interpreter.invoke()

    @pytest.mark.slow_when_emulated
    def test_ten_thousand_runs_leak_nothing(self, interpreter: Interpreter) -> None:
        def resident() -> int:
            return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        if not sys.platform.startswith("linux"):
            pytest.skip("the memory in use is read from /proc")

        def run(times: int) -> None:
            view = None
            for _ in range(times):
                edgetpu.run_inference(interpreter, PIXELS)
                view = common.output_tensor(interpreter, 0)
                interpreter.invoke()
            assert view is not None

        run(1000)
        gc.collect()
        objects, memory = len(gc.get_objects()), resident()
        run(10_000)
        gc.collect()
        assert len(gc.get_objects()) <= objects + 10
        assert resident() - memory < 10_000 * 100  # bytes; an array takes more than 100


class TestNativeHandles:
    def test_a_model_runs_by_its_handle(self, interpreter: Interpreter) -> None:
        handle = interpreter._native_handle()  # type: ignore[attr-defined] # scripts use it
        view = common.output_tensor(interpreter, 0)
        edgetpu.invoke_with_membuffer(handle, PIXELS.ctypes.data, SIZE)
        assert output(interpreter) == [10, 20, 30]
        edgetpu.invoke_with_bytes(handle, bytes(SIZE + 1))
        assert output(interpreter) == [0, 0, 0]
        edgetpu.invoke_with_bytes(interpreter, PIXELS.tobytes())
        assert view.ravel().tolist() == [10, 20, 30]

    def test_handles_of_several_interpreters(self) -> None:
        made = []
        for level in (1, 2, 3):
            each = runtime_module().Interpreter(model_content=averaging_model())
            each.allocate_tensors()
            edgetpu.invoke_with_bytes(each._native_handle(), bytes([level] * SIZE))
            made.append(each)
        assert [output(each) for each in made] == [[1] * 3, [2] * 3, [3] * 3]

    def test_an_interpreter_is_not_kept_alive(self) -> None:
        interpreter = edgetpu.make_interpreter(averaging_model())
        handle = interpreter._native_handle()  # type: ignore[attr-defined] # scripts use it
        edgetpu.supports_dmabuf(handle)
        del interpreter
        gc.collect()
        with pytest.raises(ValueError, match=f"has the native handle {handle}"):
            edgetpu.supports_dmabuf(handle)

    def test_wrong_memory_is_refused(self, interpreter: Interpreter) -> None:
        with pytest.raises(RuntimeError, match="input size=95, expected=96"):
            edgetpu.invoke_with_membuffer(interpreter, PIXELS.ctypes.data, SIZE - 1)
        with pytest.raises(RuntimeError, match="input size=0, expected=96"):
            edgetpu.invoke_with_bytes(interpreter, b"")
        with pytest.raises(ValueError, match="not 0"):
            edgetpu.invoke_with_membuffer(interpreter, 0, SIZE)

    def test_without_tensors(self) -> None:
        interpreter = edgetpu.make_interpreter(averaging_model())
        not_ready = "^Invoke called on model that is not ready."
        with pytest.raises(RuntimeError, match=not_ready):
            edgetpu.invoke_with_membuffer(interpreter, PIXELS.ctypes.data, SIZE)
        with pytest.raises(RuntimeError, match=not_ready):
            edgetpu.invoke_with_dmabuffer(interpreter, 0, SIZE)
        with pytest.raises(RuntimeError, match=not_ready):
            interpreter.invoke()

    def test_a_dma_buffer_says_what_it_needs(self, interpreter: Interpreter) -> None:
        assert edgetpu.supports_dmabuf(interpreter) is False
        with pytest.raises(RuntimeError, match=r"on PCIe .*: map the buffer and use run_inference"):
            edgetpu.invoke_with_dmabuffer(interpreter, 0, SIZE)

    def test_the_compiled_module_has_the_same_functions(self) -> None:
        assert _pywrap_coral.InvokeWithMemBuffer is edgetpu.invoke_with_membuffer
        assert _pywrap_coral.SetVerbosity is edgetpu.set_verbosity
        assert _pywrap_coral.ListEdgeTpus is edgetpu.list_edge_tpus
