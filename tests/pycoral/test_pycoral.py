"""The modules that replace pycoral's, and scripts that run unchanged."""

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.averaging_model import averaging_model
from tests.support.drawn_extractor import drawn_extractor
from tests.support.input_shapes import ShapedModel
from tests.support.processes import run_python, write_files
from tests.support.stand_in import library

from coral_learn import EdgeTpuError, SoftmaxRegression
from coral_learn.edgetpu.interpreter import make_interpreter
from coral_learn.edgetpu.library import LIBRARY_VARIABLE
from coral_learn.edgetpu.runtime import Interpreter
from coral_learn.pycoral.adapters import classify, common
from coral_learn.pycoral.utils import edgetpu
from coral_learn.pycoral.utils.dataset import read_label_file

SCRIPTS = Path(__file__).with_name("scripts")


def printed_accuracy(printed: str) -> float:
    found = re.search(r"accuracy: (\S+)", printed)
    assert found is not None
    return float(found[1])


def run_script(name: str, *arguments: str | Path) -> str:
    return run_python("-m", "coral_learn.pycoral", SCRIPTS / name, *arguments).stdout


@pytest.fixture
def extractor(tmp_path: Path) -> Path:
    path = tmp_path / "extractor.tflite"
    path.write_bytes(drawn_extractor())
    return path


@pytest.fixture
def averaging() -> Interpreter:
    """An interpreter whose output is the mean of each color channel of an 8 x 4 image."""
    interpreter = make_interpreter(averaging_model())
    interpreter.allocate_tensors()
    return interpreter


class TestRunner:
    @pytest.mark.slow_when_emulated
    def test_help(self) -> None:
        for option in ("-h", "--help"):
            assert "SCRIPT.py" in run_python("-m", "coral_learn.pycoral", option).stdout

    @pytest.mark.slow_when_emulated
    @pytest.mark.parametrize("arguments", [(), ("missing.py", "--help"), ("--flag",), (".",)])
    def test_a_missing_script_is_an_error_of_one_line(self, arguments: tuple[str, ...]) -> None:
        done = run_python("-m", "coral_learn.pycoral", *arguments, status=2)
        assert done.stderr.count("\n") == 1
        assert not done.stdout

    @pytest.mark.slow_when_emulated
    def test_a_script_runs_as_if_python_ran_it(self, tmp_path: Path) -> None:
        write_files(
            tmp_path / "folder",
            {
                "helper.py": "",
                "script.py": "import helper, sys\n"
                "print(__name__, __file__, sys.argv, sys.path[0], sep='\\n')\n"
                "sys.exit(3)\n",
            },
        )
        script = tmp_path / "folder" / "script.py"
        done = run_python("-m", "coral_learn.pycoral", script, "-h", "--flag", "x", status=3)
        expected = ["__main__", str(script), str([str(script), "-h", "--flag", "x"])]
        assert done.stdout.splitlines() == [*expected, str(script.parent)]

    @pytest.mark.slow_when_emulated
    def test_tflite_runtime_can_be_imported(self, tmp_path: Path, extractor: Path) -> None:
        script = tmp_path / "script.py"
        script.write_text(
            "import tflite_runtime.interpreter as tflite\n"
            "from tflite_runtime.interpreter import Interpreter, load_delegate\n"
            f"interpreter = tflite.Interpreter(model_path={str(extractor)!r})\n"
            "interpreter.allocate_tensors()\n"
            "print(interpreter.get_output_details()[0]['shape'].prod())\n"
        )
        assert run_python("-m", "coral_learn.pycoral", script).stdout == "256\n"


class TestScripts:
    @pytest.mark.slow_when_emulated
    def test_training_then_classifying(self, photos: Path, extractor: Path, tmp_path: Path) -> None:
        printed = run_script(
            "train.py",
            *("--embedding_extractor_path", extractor, "--data_dir", photos),
            *("--output_dir", tmp_path),
        )
        assert printed_accuracy(printed) >= 0.9
        assert "Iteration 500: loss" in printed
        labels = read_label_file(tmp_path / "label_map.txt")
        assert labels == {0: "crab", 1: "fish", 2: "jellyfish"}
        printed = run_script(
            "classify.py",
            *("--model", tmp_path / "retrained_model_edgetpu.tflite"),
            *("--labels", tmp_path / "label_map.txt"),
            *("--input", next((photos / "jellyfish").iterdir())),
        )
        assert printed.splitlines()[1].startswith("jellyfish: ")

    def test_training_on_flowers(self, data_dir: Path, tmp_path: Path) -> None:
        extractor = data_dir / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
        printed = run_script(
            "train.py",
            *("--embedding_extractor_path", extractor, "--data_dir", data_dir / "flowers"),
            *("--output_dir", tmp_path),
        )
        assert printed_accuracy(printed) >= 0.75
        printed = run_script(
            "classify.py",
            *("--model", tmp_path / "retrained_model_edgetpu.tflite"),
            *("--labels", tmp_path / "label_map.txt"),
            *("--input", data_dir / "images" / "sunflower.bmp"),
        )
        assert printed.splitlines()[1].startswith("sunflowers: ")

    @pytest.mark.slow_when_emulated
    def test_a_device_for_a_cpu_model_is_a_warning(self, tmp_path: Path) -> None:
        model, photo = tmp_path / "model.tflite", tmp_path / "photo.png"
        model.write_bytes(averaging_model())
        Image.new("RGB", (8, 4), (255, 0, 0)).save(photo)
        arguments = ("-m", f"{model}@usb:1", "-i", photo)
        done = run_python("-m", "coral_learn.pycoral", SCRIPTS / "classify.py", *arguments)
        assert done.stdout.splitlines()[1:] == ["0: 0.99219"]
        assert "'usb:1'" in done.stderr


class TestDataset:
    @pytest.mark.parametrize(
        ("text", "labels"),
        [
            ("0 daisy\n1:rose\n7   two words\n", {0: "daisy", 1: "rose", 7: "two words"}),
            ("daisy\n\nrose\n", {0: "daisy", 1: "", 2: "rose"}),
            ("7 up\ncola\n", {7: "up", 1: "cola"}),
            ("# names\n3 : a: b\n", {0: "# names", 3: "a: b"}),
            ("5\n6:\n", {0: "5", 6: ""}),
            ("", {}),
        ],
    )
    def test_each_line_stands_for_itself(
        self, tmp_path: Path, text: str, labels: dict[int, str]
    ) -> None:
        path = tmp_path / "labels.txt"
        path.write_text(text)
        assert read_label_file(path) == labels


class TestCommon:
    def test_input_size_is_width_first(self, averaging: Interpreter) -> None:
        assert common.input_size(averaging) == (8, 4)
        assert common.input_details(averaging, "dtype") == np.uint8
        assert common.input_tensor(averaging).shape == (4, 8, 3)

    @pytest.mark.parametrize("as_image", [Image.fromarray, np.asarray])
    def test_the_output_is_computed_from_the_input_that_was_set(
        self, averaging: Interpreter, as_image: Callable[[np.ndarray], Image.Image | np.ndarray]
    ) -> None:
        common.set_input(averaging, as_image(np.full((4, 8, 3), (1, 2, 250), np.uint8)))
        averaging.invoke()
        assert common.output_tensor(averaging, 0).tolist() == [[[[1, 2, 250]]]]

    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.float32])
    def test_values_are_set_as_they_are(self, dtype: type) -> None:
        """A script has normalized or quantized them itself; a second time would spoil them."""
        interpreter = make_interpreter(averaging_model(dtype, 1 / 128, 0))
        interpreter.allocate_tensors()
        for given in (np.uint8, dtype):
            common.set_input(interpreter, np.full((4, 8, 3), (3, 4, 100), given))
            interpreter.invoke()
            assert common.output_tensor(interpreter, 0).ravel().tolist() == [3, 4, 100]

    @pytest.mark.parametrize("shape", [[1, 4, 8, 1], [1, 1, 4, 8]])
    def test_a_gray_image_is_set(self, shape: list[int]) -> None:
        model = ShapedModel(shape).content()
        interpreter = make_interpreter(model)
        interpreter.allocate_tensors()
        pixels = np.arange(32, dtype=np.uint8).reshape(4, 8, 1)
        common.set_input(interpreter, pixels)
        assert (common.input_tensor(interpreter).ravel() == pixels.ravel()).all()
        common.set_resized_input(interpreter, (8, 4), lambda size: Image.new("L", size, 7))
        assert (common.input_tensor(interpreter) == 7).all()

    @pytest.mark.parametrize("shape", [[1, 6], [1, 2, 3], [1, 1, 1, 2, 3]])
    def test_an_input_that_is_no_image_is_set(self, shape: list[int]) -> None:
        interpreter = make_interpreter(ShapedModel(shape).reshape(1, 6).content())
        interpreter.allocate_tensors()
        values = np.arange(6, dtype=np.float32).reshape(shape[1:])
        common.set_input(interpreter, values)
        interpreter.invoke()
        assert common.output_tensor(interpreter, 0).tolist() == [[0, 1, 2, 3, 4, 5]]
        if len(shape) != 4:
            with pytest.raises(ValueError, match=r"but an image has \[1, height, width"):
                common.input_size(interpreter)

    @pytest.mark.parametrize("dtype", [np.int8, np.float32])
    def test_a_resized_image_keeps_its_values(self, dtype: type) -> None:
        interpreter = make_interpreter(averaging_model(dtype, 1 / 128, 0))
        interpreter.allocate_tensors()
        values: np.ndarray = np.full((4, 4, 3), (-100, 0.5, 100)).astype(dtype)
        resized, _ = common.set_resized_input(interpreter, (4, 4), lambda size: values)
        assert resized is values
        tensor = common.input_tensor(interpreter)
        assert (tensor[:, :4] == values).all()
        assert (tensor[:, 4:] == 0).all()

    def test_a_resized_image_is_padded_at_the_right_and_the_bottom(
        self, averaging: Interpreter
    ) -> None:
        common.set_input(averaging, np.full((4, 8, 3), 9, np.uint8))
        asked = []

        def resize(size: tuple[int, int]) -> Image.Image:
            asked.append(size)
            return Image.new("RGB", size, (7, 7, 7))

        resized, ratio = common.set_resized_input(averaging, (100, 100), resize)
        assert asked == [(4, 4)]
        assert resized.size == (4, 4)
        assert ratio == (0.04, 0.04)
        tensor = common.input_tensor(averaging)
        assert (tensor[:, :4] == 7).all()
        assert (tensor[:, 4:] == 0).all()

    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    def test_a_model_with_the_channels_first_takes_the_same_image(self, dtype: type) -> None:
        model = ShapedModel([1, 3, 4, 8]).transpose(0, 2, 3, 1).pool().content()
        interpreter = make_interpreter(model)
        interpreter.allocate_tensors()
        assert common.input_size(interpreter) == (8, 4)
        common.set_input(interpreter, np.full((4, 8, 3), (0, 1, 255), dtype))
        interpreter.invoke()
        expected = [0, 1, 255]
        np.testing.assert_allclose(common.output_tensor(interpreter, 0)[0], expected, rtol=1e-5)
        common.set_input(interpreter, np.moveaxis(np.full((4, 8, 3), (2, 3, 4), dtype), 2, 0))
        assert common.input_tensor(interpreter)[:, 0, 0].tolist() == [2, 3, 4]
        resized, _ = common.set_resized_input(
            interpreter, (4, 4), lambda size: Image.new("RGB", size, (255, 0, 0))
        )
        assert resized.size == (4, 4)
        tensor = common.input_tensor(interpreter)
        assert (tensor[0, :, :4] == 255).all()
        assert (tensor[:, :, 4:] == 0).all()


class TestClassify:
    def test_scores_are_dequantized_copies(self, averaging: Interpreter) -> None:
        common.set_input(averaging, np.full((4, 8, 3), (0, 128, 192), np.uint8))
        averaging.invoke()
        scores = classify.get_scores(averaging)
        assert scores.tolist() == [-1.0, 0.0, 0.5]
        averaging.invoke()  # would fail if scores were a view
        assert classify.num_classes(averaging) == 3
        assert classify.get_classes(averaging, top_k=2) == [(2, 0.5), (1, 0.0)]

    def test_classes_are_sorted_by_score_down_to_the_threshold(self) -> None:
        scores = [0.1, 0.5, 0.2, 0.5]
        assert classify.get_classes_from_scores(scores) == [(1, 0.5), (3, 0.5), (2, 0.2), (0, 0.1)]
        assert classify.get_classes_from_scores(scores, 3, 0.2)[-1] == classify.Class(2, 0.2)
        assert classify.get_classes_from_scores(scores, 9, 0.6) == []

    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.float32])
    def test_scores_of_every_type_are_sorted(self, dtype: type) -> None:
        low, high = (0, 240) if dtype in (np.uint8, np.uint16) else (-128, 127)
        scores: np.ndarray = np.array([7, low, high, 7, 8], dtype)
        found = classify.get_classes_from_scores(scores)
        assert [each.id for each in found] == [2, 4, 0, 3, 1]
        assert {type(each.score) for each in found} == {dtype}
        assert [each.score for each in found] == [high, 8, 7, 7, low]

    @pytest.mark.parametrize(("top_k", "ids"), [(0, [2, 1, 0]), (-1, [2, 1]), (9, [2, 1, 0])])
    def test_an_unusual_top_k_means_what_it_means_in_pycoral(
        self, top_k: int, ids: list[int]
    ) -> None:
        found = classify.get_classes_from_scores([0.1, 0.2, 0.7], top_k)
        assert [each.id for each in found] == ids

    def test_float_scores_are_unchanged(self) -> None:
        interpreter = make_interpreter(averaging_model(np.float32))
        interpreter.allocate_tensors()
        interpreter.set_tensor(0, np.full((1, 4, 8, 3), (0.25, -3, 1), np.float32))
        interpreter.invoke()
        assert classify.get_scores(interpreter).tolist() == [0.25, -3, 1]


class TestEdgetpu:
    def test_without_a_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(LIBRARY_VARIABLE, "/nowhere/libedgetpu.so.1")
        assert edgetpu.set_verbosity(10) is False
        assert edgetpu.list_edge_tpus() == []
        with pytest.raises(EdgeTpuError):
            edgetpu.get_runtime_version()

    def test_the_verbosity_reaches_the_library(
        self, stand_in_library: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(LIBRARY_VARIABLE, str(stand_in_library))
        for level in (10, 3, 0):
            assert edgetpu.set_verbosity(level) is True
            assert ctypes.CDLL(str(stand_in_library)).stand_in_verbosity() == level
        with pytest.raises(TypeError):
            edgetpu.set_verbosity("high")  # type: ignore[arg-type] # is refused

    @pytest.mark.usefixtures("c_compiler")
    def test_a_library_without_verbosity_is_left_as_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(LIBRARY_VARIABLE, str(library.build(tmp_path, "-DNO_VERBOSITY")))
        assert edgetpu.set_verbosity(10) is True


def test_a_head_trained_as_pycorals_test_does_serializes_untrained(extractor: Path) -> None:
    dimension = classify.num_classes(make_interpreter(extractor))
    model = SoftmaxRegression(dimension, 5).serialize_model(str(extractor))
    assert classify.num_classes(make_interpreter(model)) == 5
