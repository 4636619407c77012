"""BasicEngine: any model, one flat input, one flat output."""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike
from tests.support.averaging_model import averaging_model
from tests.support.detection_model import detection_model, quarters_image
from tests.support.gst_buffer import GstBuffer
from tests.support.input_shapes import with_several_subgraphs
from tests.support.model_builder import build_classifier, random_image, run, with_outputs

from coral_learn.old_edgetpu.basic.basic_engine import BasicEngine
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.tree import pack, unpack

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

SIZE = 8 * 4 * 3
PIXELS = np.random.default_rng(0).integers(0, 256, SIZE, np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A model whose output is the mean of each color channel of an 8 x 4 image."""
    return save(tmp_path, averaging_model())


def save(folder: Path, content: bytes) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(content)
    return path


def means(pixels: np.ndarray) -> np.ndarray:
    stored = np.round(pixels.reshape(-1, 3).mean(0))
    return np.asarray((stored - 128) / 128, np.float32)


def test_shapes_and_sizes(path: Path) -> None:
    engine = BasicEngine(str(path))
    assert engine.get_input_tensor_shape().tolist() == [1, 4, 8, 3]
    assert engine.get_input_tensor_shape().dtype == np.int32
    assert engine.required_input_array_size() == SIZE
    assert engine.get_all_output_tensors_sizes().tolist() == [3]
    assert engine.get_num_of_output_tensors() == 1
    assert engine.get_output_tensor_size(0) == 3
    assert engine.total_output_array_size() == 3
    assert engine.model_path() == str(path)
    assert engine.get_raw_output().tolist() == [0, 0, 0]
    assert engine.get_inference_time() == 0


def test_sizes_of_several_outputs(tmp_path: Path) -> None:
    engine = BasicEngine(str(save(tmp_path, detection_model())))
    assert engine.get_all_output_tensors_sizes().tolist() == [24, 6, 6, 1]
    assert engine.get_num_of_output_tensors() == 4
    assert engine.get_output_tensor_size(3) == 1
    assert engine.total_output_array_size() == 37


def test_the_result_is_the_dequantized_output(path: Path) -> None:
    engine = BasicEngine(str(path))
    milliseconds, output = engine.run_inference(PIXELS)
    assert output.dtype == np.float32
    np.testing.assert_array_equal(output, means(PIXELS))
    np.testing.assert_array_equal(engine.get_raw_output(), output)
    assert isinstance(milliseconds, float)
    assert milliseconds == engine.get_inference_time() > 0


def test_several_outputs_follow_one_another(tmp_path: Path) -> None:
    model = build_classifier("uint8", features=5, classes=4)
    names = ["head/logits", model.embedding_name]
    engine = BasicEngine(str(save(tmp_path, with_outputs(model.content, names))))
    image = random_image(model)
    _, output = engine.run_inference(image.ravel())
    assert engine.get_all_output_tensors_sizes().tolist() == [4, 5]
    np.testing.assert_allclose(
        output[4:], model.expected_embedding(image), atol=2 * 6 / 255, rtol=0
    )
    expected = model.expected_logits(output[4:])
    np.testing.assert_allclose(output[:4], expected, atol=model.logit_step)


@pytest.mark.parametrize("kind", ["float32", "int8", "uint8"])
def test_values_are_those_of_the_runtime(kind: str, tmp_path: Path) -> None:
    model = build_classifier(kind)
    image = random_image(model)
    stored = run(model.content, image).ravel()
    _, output = BasicEngine(str(save(tmp_path, model.content))).run_inference(image.ravel())
    scale, zero_point = {"float32": (1, 0), "int8": (1 / 256, -128), "uint8": (1 / 256, 0)}[kind]
    np.testing.assert_array_equal(
        output, (stored - np.float32(zero_point)) * np.float32(scale), strict=True
    )


def test_integers_without_a_scale_are_given_as_they_are(tmp_path: Path) -> None:
    model = unpack(averaging_model())
    Graph(model).outputs[0].table.quantization = Graph(model).inputs[0].table.quantization = None
    _, output = BasicEngine(str(save(tmp_path, pack(model)))).run_inference(PIXELS)
    np.testing.assert_array_equal(output, means(PIXELS) * 128 + 128)


def pointer_to(values: np.ndarray) -> tuple[ctypes.c_void_p, int]:
    return values.ctypes.data_as(ctypes.c_void_p), values.size


CONVERSIONS: dict[str, Any] = {
    "list": np.ndarray.tolist,
    "array": np.asarray,
    "int64 array": lambda values: values.astype(np.int64),
    "array that is not contiguous": lambda values: np.repeat(values, 2)[::2],
    "bytes": np.ndarray.tobytes,
    "pointer": pointer_to,
    "buffer": lambda values: GstBuffer(values.tobytes()),
}


@pytest.mark.parametrize("convert", CONVERSIONS.values(), ids=CONVERSIONS)
@pytest.mark.parametrize("excess", [0, 1, 64])
def test_kinds_of_input(convert: Any, excess: int, path: Path) -> None:
    padded = np.append(PIXELS, np.full(excess, 255, np.uint8))
    before = padded.copy()
    for size in (None, SIZE):
        _, output = BasicEngine(str(path)).run_inference(convert(padded), size)
        np.testing.assert_array_equal(output, means(PIXELS))
    np.testing.assert_array_equal(padded, before)


@pytest.mark.parametrize("convert", CONVERSIONS.values(), ids=CONVERSIONS)
def test_input_that_is_too_short(convert: Any, path: Path) -> None:
    engine = BasicEngine(str(path))
    with pytest.raises(AssertionError, match=f"has {SIZE - 1} elements, but .* needs {SIZE}"):
        engine.run_inference(convert(PIXELS[:-1].copy()))


def test_another_size_than_the_model_needs(path: Path) -> None:
    engine = BasicEngine(str(path))
    with pytest.raises(AssertionError) as raised:
        engine.run_inference(PIXELS[:-1], SIZE - 1)
    assert str(raised.value) == f"Wrong input size={SIZE - 1}, expected={SIZE}."


def test_values_that_do_not_fit(path: Path) -> None:
    engine = BasicEngine(str(path))
    with pytest.raises(ValueError, match="values from -1 to 256, but the model takes uint8"):
        engine.run_inference([-1, 256] * SIZE)
    with pytest.raises(ValueError, match="array of float32, but the model takes uint8"):
        engine.run_inference(np.zeros(SIZE, np.float32))
    with pytest.raises(TypeError, match="not supported"):
        engine.run_inference("an image")  # type: ignore[arg-type]


def test_results_stay_as_they_are_after_the_next_run(path: Path) -> None:
    engine = BasicEngine(str(path))
    _, first = engine.run_inference(PIXELS)
    engine.run_inference(np.zeros(SIZE, np.uint8))
    np.testing.assert_array_equal(first, means(PIXELS))


@pytest.mark.parametrize(
    ("index", "text"), [(-1, "tensor_index must >= 0!"), (1, "tensor_index doesn't exist!")]
)
def test_an_output_that_does_not_exist(path: Path, index: int, text: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        BasicEngine(str(path)).get_output_tensor_size(index)
    assert str(raised.value) == text


def test_models_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as raised:
        BasicEngine("invalid_model_path.tflite")
    assert str(raised.value) == "Could not open 'invalid_model_path.tflite'."
    with pytest.raises(RuntimeError, match="not a TensorFlow Lite model"):
        BasicEngine(str(save(tmp_path, b"no model at all")))
    graph = Graph(unpack(averaging_model()))
    graph.set_inputs([*graph.inputs, graph.add_tensor("second", [1], np.uint8)])
    with pytest.raises(RuntimeError, match="don't support multiple input tensors"):
        BasicEngine(str(save(tmp_path, pack(graph.model))))


def test_a_model_with_several_subgraphs_runs(tmp_path: Path) -> None:
    path = save(tmp_path, with_several_subgraphs(averaging_model()))
    _, output = BasicEngine(str(path)).run_inference(PIXELS)
    np.testing.assert_array_equal(output, means(PIXELS))


def test_the_former_name(path: Path) -> None:
    _, output = BasicEngine(str(path)).RunInference(PIXELS)
    np.testing.assert_array_equal(output, means(PIXELS))


def test_a_former_name_calls_the_method_of_a_subclass(path: Path) -> None:
    class Engine(BasicEngine):
        def run_inference(self, input: Any, size: int | None = None) -> Any:
            return "own"

    assert Engine(str(path)).RunInference(PIXELS) == "own"


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_detector_runs(dtype: DTypeLike, tmp_path: Path) -> None:
    image = quarters_image([(0, 204, 0)] * 4)
    values = image / np.float32(255) if dtype == np.float32 else image
    engine = BasicEngine(str(save(tmp_path, detection_model(dtype=dtype))))
    _, output = engine.run_inference(values.ravel())
    np.testing.assert_allclose(output[[30, 36]], [0.8, 4], rtol=1e-6)
