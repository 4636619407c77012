"""Models whose input is gray, channels first, of any size, or a batch run on photos."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.averaging_model import averaging_model
from tests.support.input_shapes import ShapedModel
from tests.support.model_builder import build_classifier, with_outputs

from coral_learn import edgetpu
from coral_learn.errors import ModelError
from coral_learn.extraction.cache import EmbeddingCache
from coral_learn.extraction.extractor import EmbeddingExtractor
from coral_learn.extraction.image_model import ImageModel
from coral_learn.extraction.images import load_image
from coral_learn.jobs.classification import Classifier

RED, GREEN, GRAY = (200, 10, 20), (10, 200, 20), (90, 90, 90)


def plain(color: tuple[int, int, int]) -> np.ndarray:
    return np.full((10, 12, 3), color, np.uint8)


def any_size() -> bytes:
    return ShapedModel([1, 1, 1, 3], [-1, -1, -1, 3]).convolve(4).pool().content()


def test_a_gray_model_gets_the_luminance_that_pillow_computes() -> None:
    photos = [plain(color) for color in (RED, GREEN, GRAY)]
    expected = [np.asarray(Image.fromarray(photo).convert("L"))[0, 0] for photo in photos]
    with EmbeddingExtractor(averaging_model(channels=1)) as extractor:
        embeddings = extractor.extract([*photos, photos[0][:, :, 0], Image.fromarray(photos[1])])
    assert embeddings.quantized[:, 0].tolist() == [*expected, RED[0], expected[1]]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK"])
def test_gray_pixels_of_every_mode_are_those_of_pillow(mode: str) -> None:
    random = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(random).convert(mode)
    pixels = load_image(image, (8, 8), "L")
    assert pixels.shape == (8, 8, 1)
    np.testing.assert_array_equal(pixels[:, :, 0], np.asarray(image.convert("L")))


def test_a_model_with_the_channels_first_gets_the_same_values() -> None:
    shapes = [8, 9, 3], [3, 8, 9]
    contents = [
        ShapedModel([1, *shapes[0]], seed=3).convolve(4).pool().content(),
        ShapedModel([1, *shapes[1]], seed=3).transpose(0, 2, 3, 1).convolve(4).pool().content(),
    ]
    photos = list(np.random.default_rng(0).integers(0, 256, (3, 20, 20, 3), np.uint8))
    rows = []
    for content in contents:
        with EmbeddingExtractor(content) as extractor:
            assert extractor.input_size == (9, 8)
            rows.append(np.asarray(extractor.extract(photos)))
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-6)


@pytest.mark.parametrize("as_interpreter", [False, True])
@pytest.mark.parametrize("batch", [8, 32])
def test_a_batch_is_resized_to_one_photo(batch: int, as_interpreter: bool) -> None:
    content = averaging_model(batch=batch)
    model = edgetpu.make_interpreter(content) if as_interpreter else content
    with EmbeddingExtractor(model) as extractor:
        embeddings = extractor.extract([plain(RED), plain(GREEN)])
    np.testing.assert_array_equal(embeddings.quantized, [RED, GREEN])


def test_a_batch_in_the_target_of_a_reshape_is_changed_in_the_graph() -> None:
    def model(batch: int) -> bytes:
        built = ShapedModel([batch, 8, 8, 3], seed=1).convolve(2)
        return built.reshape(batch, 72).classify().content()

    photos = list(np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8))
    with Classifier(model(8)) as eight, Classifier(model(1)) as one:
        np.testing.assert_allclose(eight.scores(photos), one.scores(photos), rtol=1e-6)


def test_a_batch_that_cannot_be_changed_is_refused() -> None:
    content = ShapedModel([32, 9, 9, 3]).convolve(5).pool().reshape(1, 160).classify().content()
    with pytest.raises(ModelError, match=r"\[32, 9, 9, 3\] cannot be resized to \[1, 9, 9, 3\]"):
        EmbeddingExtractor(content)


@pytest.mark.parametrize("as_interpreter", [False, True])
def test_a_model_of_any_size_has_an_input_size(as_interpreter: bool) -> None:
    content = any_size()
    for size, expected in ((None, (224, 224)), (96, (96, 96)), ((30, 20), (30, 20))):
        model = edgetpu.make_interpreter(content) if as_interpreter else content
        with EmbeddingExtractor(model, input_size=size, normalization="-1..1") as extractor:
            assert extractor.input_size == expected
            assert extractor.extract([plain(RED)]).shape == (1, 4)


def test_a_model_of_one_size_refuses_another() -> None:
    with pytest.raises(ValueError, match=r"photos of 8 x 4 pixels, .* leave out the input size"):
        EmbeddingExtractor(averaging_model(), input_size=96)
    with EmbeddingExtractor(averaging_model(), input_size=(8, 4)) as extractor:
        assert extractor.input_size == (8, 4)


def test_the_cache_keeps_the_sizes_of_a_model_apart(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(
        tmp_path / "photo.png"
    )
    cache = EmbeddingCache(tmp_path / "cache")

    def extract(size: int | None, cache: EmbeddingCache | None) -> list[float]:
        with EmbeddingExtractor(any_size(), input_size=size, cache=cache) as extractor:
            return np.asarray(extractor.extract([tmp_path / "photo.png"])).ravel().tolist()

    for size in (None, 32, 16):
        assert extract(size, cache) == extract(size, None)
    assert extract(32, cache) != extract(16, cache)


def test_the_outputs_of_a_model_with_two_are_named() -> None:
    content = with_outputs(build_classifier().content, ["scores", "head/logits"])
    with pytest.raises(ModelError, match=r"has 2 outputs \(scores \[1, 4\] uint8 and head/logits"):
        ImageModel(content)


def test_the_inputs_of_a_model_with_two_are_named(data_dir: Path) -> None:
    path = data_dir / "models" / "odd" / "image_and_table_f32.tflite"
    with pytest.raises(ModelError, match=r"has 2 inputs \(.* \[1, 4\] float32 and .* an image:"):
        ImageModel(path)
