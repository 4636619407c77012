"""Extraction: photos run on the real interpreter, in order, with an error for each bad photo."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.averaging_model import averaging_model

from coral_learn import edgetpu
from coral_learn.errors import ModelError
from coral_learn.extraction.extractor import EmbeddingExtractor
from coral_learn.extraction.image_model import ImageModel
from coral_learn.extraction.images import ImageSource
from coral_learn.extraction.photo_file import PhotoError
from coral_learn.extraction.photo_rows import SkippedPhoto
from coral_learn.machine import usable_cpus


def plain(color: tuple[int, int, int]) -> np.ndarray:
    """A photo of one color, whose averaging embedding is that color."""
    return np.full((10, 12, 3), color, np.uint8)


COLORS = [(10, 200, 30), (0, 0, 0), (255, 255, 255), (128, 127, 1), (77, 5, 250)]


def test_a_path_bytes_and_an_interpreter_give_the_same_extractor(tmp_path: Path) -> None:
    content = averaging_model()
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    for model in (path, str(path), content, edgetpu.make_interpreter(content)):
        with EmbeddingExtractor(model) as extractor:
            assert extractor.input_size == (8, 4)
            assert extractor.feature_dim == 3
            assert extractor.device == "cpu"
            embeddings = extractor.extract([plain(color) for color in COLORS])
        np.testing.assert_array_equal(embeddings.quantized, COLORS)
        assert embeddings.quantized.dtype == np.uint8
        assert (embeddings.scale, embeddings.zero_point) == (1 / 128, 128)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            averaging_model(channels=2),
            r"shape \[1, 4, 8, 2\], .* \[1, height, width, 3\]",
        ),
        (b"no model", "."),
    ],
)
def test_a_model_that_does_not_take_one_image_is_refused(model: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        EmbeddingExtractor(model)


def test_rows_keep_the_order_of_the_photos() -> None:
    levels = [index * 37 % 256 for index in range(100)]
    with EmbeddingExtractor(averaging_model()) as extractor:
        embeddings = extractor.extract([plain((level, 0, 0)) for level in levels])
    np.testing.assert_array_equal(embeddings.quantized[:, 0], levels)


def test_no_photos_give_no_rows() -> None:
    with EmbeddingExtractor(averaging_model()) as extractor:
        assert extractor.extract([]).shape == (0, 3)


@pytest.mark.parametrize("images", ["photo.jpg", Path("photo.jpg"), plain((0, 0, 0))])
def test_one_photo_in_place_of_several_is_refused(images: Any) -> None:
    with (
        EmbeddingExtractor(averaging_model()) as extractor,
        pytest.raises(ValueError, match="Put the photo in a list"),
    ):
        extractor.extract(images)


def test_an_array_of_photos_is_several_photos() -> None:
    with EmbeddingExtractor(averaging_model()) as extractor:
        embeddings = extractor.extract(np.stack([plain(color) for color in COLORS]))
    np.testing.assert_array_equal(embeddings.quantized, COLORS)


def test_the_first_unusable_photo_is_raised() -> None:
    photos: list[ImageSource] = [plain((1, 2, 3)), "missing.jpg", "gone.jpg"]
    with (
        EmbeddingExtractor(averaging_model()) as extractor,
        pytest.raises(PhotoError, match=r"missing\.jpg: there is no such file"),
    ):
        extractor.extract(photos)


def test_unusable_photos_are_reported_and_skipped() -> None:
    reported: list[tuple[int, PhotoError]] = []
    one, two, three = (plain((level, level, level)) for level in (1, 2, 3))
    photos: list[ImageSource] = [one, "missing.jpg", two, "gone.jpg", three]
    with EmbeddingExtractor(averaging_model()) as extractor:
        embeddings = extractor.extract(
            photos, on_error=lambda index, error: reported.append((index, error))
        )
    np.testing.assert_array_equal(embeddings.quantized[:, 0], [1, 2, 3])
    assert [(index, error.path) for index, error in reported] == [
        (1, "missing.jpg"),
        (3, "gone.jpg"),
    ]


def test_rows_kept_and_skipped_photos_come_together() -> None:
    one, two = plain((1, 1, 1)), plain((2, 2, 2))
    photos: list[ImageSource] = [one, "missing.jpg", two, "gone.jpg"]
    with EmbeddingExtractor(averaging_model()) as extractor:
        found = extractor.extract_readable(photos)
    np.testing.assert_array_equal(found.rows.quantized[:, 0], [1, 2])
    np.testing.assert_array_equal(found.kept, [0, 2])
    assert found.skipped == [
        SkippedPhoto("missing.jpg", "there is no such file"),
        SkippedPhoto("gone.jpg", "there is no such file"),
    ]
    assert str(found.skipped[0]) == "missing.jpg: there is no such file"


def test_no_readable_photo_gives_no_rows_and_no_indices() -> None:
    with EmbeddingExtractor(averaging_model()) as extractor:
        found = extractor.extract_readable(["missing.jpg"])
    assert found.rows.shape == (0, 3)
    assert found.kept.shape == (0,)
    assert [photo.path for photo in found.skipped] == ["missing.jpg"]


@pytest.mark.parametrize("known", [True, False])
def test_progress_counts_every_photo_and_has_the_total_of_a_list(known: bool) -> None:
    photos = [plain(color) for color in COLORS]
    calls: list[tuple[int, int | None]] = []
    with EmbeddingExtractor(averaging_model()) as extractor:
        extractor.extract(
            photos if known else iter(photos), progress=lambda *call: calls.append(call)
        )
    assert calls == [(done, 5 if known else None) for done in range(1, 6)]


def test_the_progress_bar_is_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddingExtractor(averaging_model()) as extractor:
        extractor.extract([plain(color) for color in COLORS], progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "5/5" in captured.err


def test_the_stream_yields_rows_and_errors_in_order() -> None:
    with ImageModel(averaging_model()) as model:
        first, second, third = model.stream([plain((9, 9, 9)), "missing.jpg", plain((8, 8, 8))])
    np.testing.assert_array_equal(first, [9, 9, 9])
    assert isinstance(second, PhotoError)
    np.testing.assert_array_equal(third, [8, 8, 8])


def test_every_number_of_workers_gives_the_same_embeddings() -> None:
    photos = [plain((level, 0, 255 - level)) for level in range(50)]
    for workers in (1, 2, 5):
        with EmbeddingExtractor(averaging_model(), workers=workers) as extractor:
            assert extractor.workers == workers
            embeddings = extractor.extract(photos)
        np.testing.assert_array_equal(embeddings.quantized[:, 0], range(50))


def test_an_extractor_may_be_used_by_several_threads_at_once() -> None:
    def extract(level: int) -> np.ndarray:
        return extractor.extract([plain((level, 0, 0))] * 20).quantized[:, 0]

    with EmbeddingExtractor(averaging_model()) as extractor, ThreadPoolExecutor(4) as pool:
        for level, column in enumerate(pool.map(extract, range(8))):
            np.testing.assert_array_equal(column, np.full(20, level))


def test_an_error_in_a_callback_ends_the_extraction_and_leaves_no_thread() -> None:
    def fail(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with EmbeddingExtractor(averaging_model()) as extractor:
        with pytest.raises(KeyboardInterrupt):
            extractor.extract([plain((0, 0, 0))] * 100, progress=fail)
        assert not [each for each in threading.enumerate() if "coral-learn" in each.name]
        assert extractor.extract([plain((1, 1, 1))]).shape == (1, 3)


def test_no_interpreter_is_left_after_use() -> None:
    alive = []
    extractor = EmbeddingExtractor(averaging_model(), workers=3)
    with extractor:
        extractor.extract([plain((0, 0, 0))] * 30)
        alive += [weakref.ref(each) for each in gc.get_objects() if _is_interpreter(each)]
    gc.collect()
    assert alive
    assert [reference() for reference in alive] == [None] * len(alive)


def _is_interpreter(value: object) -> bool:
    return type(value).__name__ == "CheckedInterpreter"


def test_a_closed_extractor_raises_an_error() -> None:
    extractor = EmbeddingExtractor(averaging_model())
    extractor.close()
    extractor.close()
    with pytest.raises(ValueError, match="closed"):
        extractor.extract([plain((0, 0, 0))])


def test_the_repr_shows_sizes_workers_and_devices() -> None:
    with EmbeddingExtractor(averaging_model(), workers=3) as extractor:
        assert repr(extractor) == (
            "EmbeddingExtractor(8 x 4 pixels to 3 values, 3 workers, 3 interpreters on cpu)"
        )
    with EmbeddingExtractor(averaging_model()) as extractor:
        assert extractor.workers == usable_cpus()


@pytest.mark.parametrize("workers", [0, -1])
def test_workers_must_be_at_least_one(workers: int) -> None:
    with pytest.raises(ValueError, match=f"workers must be at least 1, not {workers}"):
        EmbeddingExtractor(averaging_model(), workers=workers)


def test_the_real_extractor_matches_a_plain_loop(data_dir: Path) -> None:
    model = data_dir / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    photos = sorted((data_dir / "flowers" / "roses").glob("*.jpg"))[:6]
    interpreter = edgetpu.make_interpreter(model)
    interpreter.allocate_tensors()
    expected = []
    for photo in photos:
        with Image.open(photo) as image:
            pixels = np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.BOX))
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels[None])
        interpreter.invoke()
        output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        expected.append(output.reshape(-1))
    with EmbeddingExtractor(model) as extractor:
        embeddings = extractor.extract(photos)
    assert embeddings.shape == (6, 1024)
    assert np.abs(embeddings.quantized.astype(int) - expected).max() <= 1
