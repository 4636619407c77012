"""ClassificationEngine: the choice of classes, and images of every kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.averaging_model import averaging_model
from tests.support.detection_model import detection_model
from tests.support.model_builder import build_classifier

from coral_learn.old_edgetpu.basic.basic_engine import BasicEngine
from coral_learn.old_edgetpu.classification import engine as module
from coral_learn.old_edgetpu.classification.engine import ClassificationEngine
from coral_learn.old_edgetpu.top_k import best_classes

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

NEAREST, BICUBIC = Image.Resampling.NEAREST, Image.Resampling.BICUBIC


def open_engine(folder: Path, content: bytes) -> ClassificationEngine:
    (folder / "model.tflite").write_bytes(content)
    return ClassificationEngine(str(folder / "model.tflite"))


@pytest.fixture
def averaging(tmp_path: Path) -> ClassificationEngine:
    """A model whose scores are the mean red, green and blue of an 8 x 4 image, from 0 to 1."""
    return open_engine(tmp_path, averaging_model(scale=1 / 255, zero_point=0))


def pixels(*color: int) -> np.ndarray:
    return np.tile(np.array(color, np.uint8), 32)


def test_classes_are_in_descending_order_of_their_scores(averaging: ClassificationEngine) -> None:
    found = averaging.classify_with_input_tensor(pixels(51, 204, 102))
    assert [index for index, _ in found] == [1, 2, 0]
    np.testing.assert_allclose([score for _, score in found], [0.8, 0.4, 0.2], rtol=1e-6)
    assert all(type(each) is tuple for each in found)
    assert isinstance(found[0][0], np.integer)
    assert isinstance(found[0][1], np.float32)


@pytest.mark.parametrize(
    ("top_k", "expected"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 0]), (9, [1, 2, 0])]
)
def test_top_k(averaging: ClassificationEngine, top_k: int, expected: list[int]) -> None:
    found = averaging.classify_with_input_tensor(pixels(51, 204, 102), top_k=top_k)
    assert [index for index, _ in found] == expected


@pytest.mark.parametrize("top_k", [0, -1])
def test_top_k_must_be_positive(averaging: ClassificationEngine, top_k: int) -> None:
    with pytest.raises(ValueError, match=r"^top_k must be positive!$"):
        averaging.classify_with_input_tensor(pixels(0, 0, 0), top_k=top_k)
    with pytest.raises(ValueError, match=r"^top_k must be positive!$"):
        averaging.classify_with_image(Image.new("RGB", (8, 4)), top_k=top_k)


def test_a_score_must_be_above_the_threshold(averaging: ClassificationEngine) -> None:
    def classes(threshold: float) -> list[int]:
        found = averaging.classify_with_input_tensor(pixels(0, 255, 51), threshold)
        return [int(index) for index, _ in found]

    assert classes(-0.1) == [1, 2, 0]
    assert classes(0.0) == [1, 2]
    assert classes(0.5) == [1]
    assert classes(1.0) == []


def test_the_threshold_is_compared_in_float64() -> None:
    scores = np.array([0.1, 0.7], np.float32)  # 0.100000001 and 0.699999988
    assert [index for index, _ in best_classes(scores, 0.1, 2)] == [1, 0]
    assert best_classes(scores, 0.7, 2) == []


def test_default_thresholds(averaging: ClassificationEngine) -> None:
    assert len(averaging.classify_with_input_tensor(pixels(0, 1, 200))) == 2
    image = Image.new("RGB", (8, 4), (0, 1, 200))
    assert [index for index, _ in averaging.classify_with_image(image)] == [2]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
@pytest.mark.parametrize("resample", [NEAREST, BICUBIC])
def test_an_image_is_stretched_and_then_converted(
    averaging: ClassificationEngine, mode: str, resample: int
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8)
    image = Image.fromarray(noise).convert(mode)
    expected = np.asarray(image.resize((8, 4), resample).convert("RGB"))
    assert averaging.classify_with_image(
        image, resample=resample
    ) == averaging.classify_with_input_tensor(expected.flatten(), 0.1)


def test_images_are_resized_without_a_filter_by_default(averaging: ClassificationEngine) -> None:
    image = Image.new("RGB", (16, 8))
    image.paste((255, 255, 255), (8, 0, 9, 8))  # one column, which the nearest pixels miss
    assert averaging.classify_with_image(image, threshold=0.0) == []
    assert len(averaging.classify_with_image(image, threshold=0.0, resample=BICUBIC)) == 3


def test_a_model_with_gray_images(tmp_path: Path) -> None:
    engine = open_engine(tmp_path, averaging_model(scale=1 / 255, zero_point=0, channels=1))
    image = Image.new("RGB", (20, 20), (10, 100, 200))
    gray = np.asarray(image.convert("L"))[0, 0] / np.float32(255)
    [(index, score)] = engine.classify_with_image(image)
    assert index == 0
    assert score == gray


def test_the_raw_output_is_kept(averaging: ClassificationEngine) -> None:
    averaging.classify_with_image(Image.new("RGB", (9, 9), (51, 204, 102)), top_k=1)
    np.testing.assert_allclose(averaging.get_raw_output(), [0.2, 0.8, 0.4], rtol=1e-6)


def test_models_of_other_shapes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="should have 1 output tensor only!This model has 4"):
        open_engine(tmp_path, detection_model())
    image = Image.new("RGB", (8, 4))
    batch = open_engine(tmp_path, averaging_model(batch=2))
    with pytest.raises(RuntimeError) as raised:
        batch.classify_with_image(image)
    assert str(raised.value) == (
        "Invalid input tensor shape! Expected: [1, height, width, channel]"
    )
    with pytest.raises(ValueError, match=r"Invalid input tensor channel! Expected: 1 or 3.*: 4$"):
        open_engine(tmp_path, averaging_model(channels=4)).classify_with_image(image)


def test_former_names(averaging: ClassificationEngine) -> None:
    image = Image.new("RGB", (8, 4), (51, 204, 102))
    arguments: dict[str, Any] = {"threshold": 0.3, "top_k": 1}
    assert averaging.ClassifyWithImage(
        image, resample=NEAREST, **arguments
    ) == averaging.classify_with_image(image, **arguments)
    [(index, _)] = averaging.ClassifyWithInputTensor(pixels(51, 204, 102), 0.3, 1)
    assert index == 1


def test_scripts_import_the_basic_engine_from_here() -> None:
    assert module.BasicEngine is BasicEngine
    assert issubclass(ClassificationEngine, BasicEngine)


def test_a_classifier_of_many_classes(tmp_path: Path) -> None:
    engine = open_engine(tmp_path, build_classifier("uint8", classes=40, size=(6, 6)).content)
    image = Image.fromarray(np.random.default_rng(3).integers(0, 256, (9, 9, 3), np.uint8))
    found = engine.classify_with_image(image, threshold=-1, top_k=40)
    scores = engine.get_raw_output()
    assert sorted(index for index, _ in found) == list(range(40))
    assert [score for _, score in found] == sorted(scores, reverse=True)
    assert all(score == scores[index] for index, score in found)
