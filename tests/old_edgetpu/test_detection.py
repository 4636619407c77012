"""DetectionEngine: candidates, their boxes in every kind of coordinates, and their choice."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.averaging_model import averaging_model
from tests.support.detection_model import SIZE, detection_model, quarters_image

from coral_learn.old_edgetpu.basic.basic_engine import BasicEngine
from coral_learn.old_edgetpu.detection import engine as module
from coral_learn.old_edgetpu.detection.engine import DetectionCandidate, DetectionEngine

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

# The detector knows green (class 0) and blue (class 1); red moves a box down and to the right.
COLORS = [(0, 204, 0), (51, 0, 102), (0, 5, 5), (255, 0, 255)]
BOXES: list[list[list[float]]] = [[[1, 1], [1, 1]], [[0, 0], [0.5, 0.5]], [[0.6, 0.1], [1, 0.6]]]


def open_engine(folder: Path, content: bytes) -> DetectionEngine:
    (folder / "model.tflite").write_bytes(content)
    return DetectionEngine(str(folder / "model.tflite"))


@pytest.fixture
def engine(tmp_path: Path) -> DetectionEngine:
    return open_engine(tmp_path, detection_model())


def photo(colors: Sequence[tuple[int, int, int]] = COLORS, scale: int = 10) -> Image.Image:
    return Image.fromarray(quarters_image(colors, (SIZE[0] * scale, SIZE[1] * scale)))


def boxes(candidates: list[DetectionCandidate]) -> np.ndarray:
    return np.array([candidate.bounding_box for candidate in candidates])


def scores(candidates: list[DetectionCandidate]) -> list[float]:
    return [float(candidate.score) for candidate in candidates]


def test_candidates_in_descending_order_of_their_scores(engine: DetectionEngine) -> None:
    found = engine.detect_with_input_tensor(quarters_image(COLORS).flatten())
    assert [candidate.label_id for candidate in found] == [1, 0, 1]
    assert all(type(candidate.label_id) is int for candidate in found)
    np.testing.assert_allclose(scores(found), [1.0, 0.8, 0.4], rtol=1e-6)
    assert isinstance(found[0].score, np.float32)
    np.testing.assert_allclose(boxes(found), BOXES, atol=1e-6)
    assert found[0].bounding_box.shape == (2, 2)


def test_an_image_is_stretched(engine: DetectionEngine) -> None:
    for size in [(120, 80), (60, 200)]:
        found = engine.detect_with_image(photo().resize(size, Image.Resampling.NEAREST))
        assert [candidate.label_id for candidate in found] == [1, 0, 1]
        np.testing.assert_allclose(boxes(found), BOXES, atol=1e-6)


def test_pixel_coordinates(engine: DetectionEngine) -> None:
    found = engine.detect_with_image(photo(), relative_coord=False)
    np.testing.assert_allclose(boxes(found), np.array(BOXES) * [120, 80], atol=1e-3)


def two_colors(size: tuple[int, int], second: tuple[int, int]) -> Image.Image:
    """Returns a green image that is blue from a place on."""
    image = Image.new("RGB", size, (0, 204, 0))
    image.paste((0, 0, 102), (*second, *size))
    return image


# A wide image covers the upper half of the input, and a tall one the left quarter.
WIDE = two_colors((120, 40), (60, 0)), [[[0, 0], [0.5, 1]], [[0.5, 0], [1, 1]]]
TALL = two_colors((30, 80), (0, 40)), [[[0, 0], [1, 0.5]], [[0, 0.5], [1, 1]]]


@pytest.mark.parametrize(("image", "expected"), [WIDE, TALL], ids=["wide", "tall"])
def test_boxes_of_a_padded_image(
    engine: DetectionEngine, image: Image.Image, expected: list[list[list[float]]]
) -> None:
    found = engine.detect_with_image(image, keep_aspect_ratio=True)
    assert [candidate.label_id for candidate in found] == [0, 1]
    np.testing.assert_allclose(boxes(found), expected, atol=1e-6)
    found = engine.detect_with_image(image, keep_aspect_ratio=True, relative_coord=False)
    np.testing.assert_allclose(boxes(found), np.array(expected) * image.size, atol=1e-4)


def test_the_threshold_and_top_k(engine: DetectionEngine) -> None:
    def labels(threshold: float = 0.1, top_k: int = 3) -> list[int]:
        found = engine.detect_with_image(photo(), threshold=threshold, top_k=top_k)
        return [candidate.label_id for candidate in found]

    assert labels(0.4) == [1, 0, 1]  # in float32, the last score is a little more than 0.4
    assert labels(0.5) == [1, 0]
    assert labels(1.0) == []
    assert labels(top_k=1) == [1]
    assert labels(top_k=100000) == [1, 0, 1]


def test_the_number_of_candidates_follows_the_image(engine: DetectionEngine) -> None:
    assert engine.detect_with_image(photo([(0, 0, 0)] * 4), threshold=0) == []
    assert len(engine.detect_with_image(photo([(0, 255, 0)] * 4), top_k=9)) == 4


@pytest.mark.parametrize("top_k", [0, -1])
def test_top_k_must_be_positive(engine: DetectionEngine, top_k: int) -> None:
    with pytest.raises(ValueError, match=r"^top_k must be positive!$"):
        engine.detect_with_image(photo(), top_k=top_k)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA"])
@pytest.mark.parametrize("resample", [Image.Resampling.NEAREST, Image.Resampling.BICUBIC])
def test_images_of_other_modes(engine: DetectionEngine, mode: str, resample: int) -> None:
    image = photo().convert(mode)
    values = np.asarray(image.resize(SIZE, resample).convert("RGB")).flatten()
    expected = engine.detect_with_input_tensor(values)
    found = engine.detect_with_image(image, resample=resample)
    assert scores(found) == scores(expected)
    np.testing.assert_array_equal(boxes(found), boxes(expected))


def test_models_of_other_shapes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="should have 4 output tensors!This model has 1"):
        open_engine(tmp_path, averaging_model())


def test_former_names(engine: DetectionEngine) -> None:
    expected = engine.detect_with_image(photo(), 0.1, 2, True, False)
    found = engine.DetectWithImage(
        photo(), threshold=0.1, top_k=2, keep_aspect_ratio=True, relative_coord=False
    )
    np.testing.assert_array_equal(boxes(found), boxes(expected))
    [best] = engine.DetectWithInputTensor(quarters_image(COLORS).flatten(), 0.9, 1)
    assert best.label_id == 1


def test_a_candidate() -> None:
    candidate = DetectionCandidate(3, 0.5, 1, 2, 3, 4)
    assert (candidate.label_id, candidate.score) == (3, 0.5)
    assert candidate.bounding_box.tolist() == [[1, 2], [3, 4]]
    assert candidate.bounding_box.flatten().tolist() == [1, 2, 3, 4]
    with pytest.raises(AttributeError):
        candidate.name = "cat"  # type: ignore[attr-defined]


def test_scripts_import_the_basic_engine_from_here() -> None:
    assert module.BasicEngine is BasicEngine
    assert issubclass(DetectionEngine, BasicEngine)
