"""Extraction: photos through the real interpreter, in order, errors told per photo."""

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.averaging_model import averaging_model
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

from coral_learn import edgetpu
from coral_learn.errors import EdgeTpuError, ModelError
from coral_learn.extraction.extractor import EmbeddingExtractor
from coral_learn.extraction.image_model import ImageModel
from coral_learn.extraction.photo_file import PhotoError
from coral_learn.extraction.input_format import InputFormat, Normalization
from coral_learn.machine import usable_cpus
from coral_learn.tflite.metadata_format import encode_metadata
from coral_learn.tflite.model import add_metadata, pack, unpack


def plain(color: tuple[int, int, int]) -> np.ndarray:
    """A photo of one color, whose averaging embedding is that color."""
    return np.full((10, 12, 3), color, np.uint8)


COLORS = [(10, 200, 30), (0, 0, 0), (255, 255, 255), (128, 127, 1), (77, 5, 250)]


def input_of(dtype: Any, scale: float, zero_point: int) -> dict[str, Any]:
    return {"shape": [1, 4, 4, 3], "dtype": dtype, "quantization": (scale, zero_point)}


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
    ("dtype", "scale", "zero_point", "less"),
    [
        (np.uint8, 1 / 128, 128, 0),  # [-1, 1), as Coral's MobileNets
        (np.uint8, 1 / 127.5, 127, 0),  # [-1, 1]
        (np.int8, 1 / 128, 0, 128),
        (np.int8, 1 / 127.5, -1, 128),
        (np.uint8, 1 / 255, 0, 0),  # [0, 1]
        (np.int8, 1 / 255, -128, 128),
        (np.uint8, 1.0, 0, 0),  # [0, 255]
        (np.int8, 1.0, -128, 128),
        (np.uint8, 1.0, 110, 0),  # mean subtracted
        (np.uint8, 1 / 1000, 128, 0),  # a range that no known normalization fits
        (np.uint8, 0.0, 0, 0),  # not quantized at all: numbers are pixels
    ],
)
def test_where_photos_span_the_range_their_bytes_are_used(
    dtype: Any, scale: float, zero_point: int, less: int
) -> None:
    table = InputFormat.of_tensor(input_of(dtype, scale, zero_point)).table
    assert table.dtype == dtype
    np.testing.assert_array_equal(table, np.arange(256) - less)


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "reals"),
    [
        (np.uint8, 1 / 64, 128, (-1, 1)),
        (np.uint8, 0.02, 100, (-1, 1)),
        (np.int8, 0.0157, -1, (-1, 1)),
        (np.uint8, 1 / 128, 0, (0, 1)),
        (np.int8, 1 / 100, -128, (0, 1)),
        (np.uint8, 2.0, 0, (0, 255)),
    ],
)
def test_where_photos_do_not_span_the_range_real_values_are_quantized(
    dtype: Any, scale: float, zero_point: int, reals: tuple[float, float]
) -> None:
    table = InputFormat.of_tensor(input_of(dtype, scale, zero_point)).table.astype(int)
    real = (table[[0, 255]] - zero_point) * scale
    np.testing.assert_allclose(real, reals, atol=scale / 2 + 1e-9)
    assert np.diff(table).min() >= 0
    assert np.ptp(np.diff(table)) <= 1


def test_what_calibration_cut_off_is_clipped() -> None:
    table = InputFormat.of_tensor(input_of(np.uint8, 0.96 / 128, 128)).table.astype(int)
    assert (table[0], table[255]) == (0, 255)
    middle = slice(8, 248)
    real = (table[middle] - 128) * 0.96 / 128
    np.testing.assert_allclose(real, np.arange(256)[middle] / 127.5 - 1, atol=0.004)


def test_imagenets_mean_and_deviation_are_known_by_their_range() -> None:
    scale, zero_point = (2.64 + 2.118) / 255, 114
    table = InputFormat.of_tensor(input_of(np.uint8, scale, zero_point)).table.astype(int)
    real = (table - zero_point) * scale
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(real[0], -mean / deviation, atol=scale)
    np.testing.assert_allclose(real[255], (1 - mean) / deviation, atol=scale)


def declaring(content: bytes, mean: list[float], std: list[float]) -> bytes:
    """Gives a model metadata that says how its input is normalized."""
    model = unpack(content)
    image = {"process_units": [{"options": (1, {"mean": mean, "std": std})}]}
    metadata = {"subgraph_metadata": [{"input_tensor_metadata": [image]}]}
    add_metadata(model, "TFLITE_METADATA", encode_metadata(metadata))
    return pack(model)


@pytest.mark.parametrize(
    ("mean", "std"), [([0.0], [255.0]), ([123.5, 116.0, 103.5], [58.5, 57.0, 57.5])]
)
def test_a_float_model_gets_the_normalization_that_it_declares(
    mean: list[float], std: list[float]
) -> None:
    with EmbeddingExtractor(declaring(averaging_model(np.float32), mean, std)) as extractor:
        embeddings = extractor.extract([plain(color) for color in COLORS])
    np.testing.assert_allclose(embeddings, (np.array(COLORS) - mean) / std, atol=1e-5)


@pytest.mark.parametrize(
    ("mean", "std"), [([0.0], [0.0]), ([float("nan")], [1.0]), ([0.0, 0.0], [1.0, 1.0]), ([], [])]
)
def test_a_normalization_that_makes_no_sense_is_not_used(
    mean: list[float], std: list[float]
) -> None:
    with EmbeddingExtractor(declaring(averaging_model(np.float32), mean, std)) as extractor:
        [embedding] = extractor.extract([plain((255, 0, 255))])
    np.testing.assert_allclose(embedding, [1, -1, 1])


@pytest.mark.parametrize(
    ("scale", "zero_point", "mean", "std", "reals"),
    [
        (1 / 128, 128, 127.5, 127.5, None),
        (1 / 128, 128, 0.0, 1.0, None),  # of the bytes, as some say of a quantized model
        (1 / 40, 128, 127.5, 50.0, (-2.55, 2.55)),
    ],
)
def test_a_quantized_model_gets_what_it_declares_where_that_fits(
    scale: float, zero_point: int, mean: float, std: float, reals: tuple[float, float] | None
) -> None:
    declared = Normalization((mean,), (std,))
    table = InputFormat.of_tensor(input_of(np.uint8, scale, zero_point), declared).table.astype(int)
    if reals is None:
        np.testing.assert_array_equal(table, np.arange(256))
    else:
        np.testing.assert_allclose((table[[0, 255]] - zero_point) * scale, reals, atol=scale)


def test_a_float_model_gets_pixels_from_minus_one_to_one() -> None:
    with EmbeddingExtractor(averaging_model(np.float32)) as extractor:
        embeddings = extractor.extract([plain(color) for color in COLORS])
    assert embeddings.quantized.dtype == np.float32
    np.testing.assert_allclose(embeddings, np.array(COLORS) / 127.5 - 1, atol=1e-6)


def test_channels_keep_their_own_normalization() -> None:
    scale, zero_point = (2.64 + 2.118) / 255, 114
    with EmbeddingExtractor(averaging_model(np.uint8, scale, zero_point)) as extractor:
        [embedding] = extractor.extract([plain((124, 116, 104))])
    np.testing.assert_allclose(embedding, 0, atol=scale)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (averaging_model(batch=2), r"input has shape \[2, 4, 8, 3\]: .* \[1, height, width, 3\]"),
        (b"no model", "."),
    ],
)
def test_other_models_are_refused(model: bytes, message: str) -> None:
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
        pytest.raises(ValueError, match="put the photo in a list"),
    ):
        extractor.extract(images)


def test_an_array_of_photos_is_several_photos() -> None:
    with EmbeddingExtractor(averaging_model()) as extractor:
        embeddings = extractor.extract(np.stack([plain(color) for color in COLORS]))
    np.testing.assert_array_equal(embeddings.quantized, COLORS)


def test_the_first_unusable_photo_is_raised() -> None:
    photos = [plain((1, 2, 3)), "missing.jpg", "gone.jpg"]
    with (
        EmbeddingExtractor(averaging_model()) as extractor,
        pytest.raises(PhotoError, match=r"missing\.jpg: there is no such file"),
    ):
        extractor.extract(photos)


def test_unusable_photos_are_told_and_left_out() -> None:
    told: list[tuple[int, PhotoError]] = []
    photos = [plain((1, 1, 1)), "missing.jpg", plain((2, 2, 2)), "gone.jpg", plain((3, 3, 3))]
    with EmbeddingExtractor(averaging_model()) as extractor:
        embeddings = extractor.extract(
            photos, on_error=lambda index, error: told.append((index, error))
        )
    np.testing.assert_array_equal(embeddings.quantized[:, 0], [1, 2, 3])
    assert [(index, error.path) for index, error in told] == [(1, "missing.jpg"), (3, "gone.jpg")]


@pytest.mark.parametrize("known", [True, False])
def test_progress_counts_every_photo_and_knows_the_total_of_a_list(known: bool) -> None:
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


def test_the_stream_gives_rows_and_errors_in_turn() -> None:
    with ImageModel(averaging_model()) as model:
        first, second, third = model.stream([plain((9, 9, 9)), "missing.jpg", plain((8, 8, 8))])
    np.testing.assert_array_equal(first, [9, 9, 9])
    assert isinstance(second, PhotoError)
    np.testing.assert_array_equal(third, [8, 8, 8])


def test_every_number_of_workers_gives_the_same() -> None:
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


def test_a_closed_extractor_says_so() -> None:
    extractor = EmbeddingExtractor(averaging_model())
    extractor.close()
    extractor.close()
    with pytest.raises(ValueError, match="closed"):
        extractor.extract([plain((0, 0, 0))])


def test_the_text_tells_what_was_chosen() -> None:
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


EdgeTpus = Callable[..., AbstractContextManager[StandIn]]
LEVELS = [index * 37 % 256 for index in range(300)]


@pytest.fixture
def photo_files(tmp_path: Path) -> list[Path]:
    """300 photos, each of a gray that tells its place."""
    paths = [tmp_path / f"{index}.png" for index in range(len(LEVELS))]
    for path, level in zip(paths, LEVELS, strict=True):
        Image.new("L", (12, 10), level).save(path)
    return paths


def devices_used(tpus: StandIn) -> list[str]:
    return sorted(options["device"] for _, options in tpus.opened)


@pytest.mark.parametrize("devices", ["all", [":0", "usb:1", "pci:0"]])
def test_several_edge_tpus_share_the_photos(
    devices: Any, edge_tpus: EdgeTpus, photo_files: list[Path]
) -> None:
    twin = averaging_model()
    with edge_tpus(twin, ["usb", "usb", "pci"], latency=0.001) as tpus:
        with EmbeddingExtractor(compiled(twin), device=devices) as extractor:
            embeddings = extractor.extract(photo_files)
            assert tpus.open_delegates == 3
        assert tpus.open_delegates == 0
        assert devices_used(tpus) == sorted([":0", ":1", ":2"] if devices == "all" else devices)
    np.testing.assert_array_equal(embeddings.quantized[:, 0], LEVELS)
    assert sum(tpus.inferences) == 300
    assert min(tpus.inferences) >= 50


def test_all_devices_may_be_the_default(
    edge_tpus: EdgeTpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(edgetpu.DEVICE_VARIABLE, "all")
    twin = averaging_model()
    with edge_tpus(twin, ["usb", "pci"]), EmbeddingExtractor(compiled(twin)) as extractor:
        assert extractor.device == ":0,:1"
    with pytest.warns(UserWarning, match="runs on the CPU"), EmbeddingExtractor(twin) as extractor:
        assert extractor.device == "cpu"


def test_all_devices_where_there_is_none_is_told(edge_tpus: EdgeTpus) -> None:
    twin = averaging_model()
    with edge_tpus(twin, []), pytest.raises(EdgeTpuError, match="no Edge TPU was found"):
        EmbeddingExtractor(compiled(twin), device="all")


def test_one_edge_tpu_lost_midway_loses_and_doubles_no_photo(
    edge_tpus: EdgeTpus, photo_files: list[Path]
) -> None:
    twin = averaging_model()
    done = []
    with edge_tpus(twin, ["usb"] * 3, latency=0.001, unplugged_after={1: 40}) as tpus:
        with EmbeddingExtractor(compiled(twin), device="all") as extractor:
            with pytest.warns(UserWarning, match="going on without an Edge TPU") as warned:
                embeddings = extractor.extract(
                    photo_files, progress=lambda count, total: done.append(count)
                )
            assert tpus.open_delegates == 2
        assert tpus.open_delegates == 0
    np.testing.assert_array_equal(embeddings.quantized[:, 0], LEVELS)
    assert tpus.inferences[1] == 40
    assert sum(tpus.inferences) == 300
    assert done == list(range(1, 301))
    assert len(warned) == 1
    assert warned[0].filename == __file__


@pytest.mark.filterwarnings("ignore:going on without")
def test_losing_every_edge_tpu_is_an_error_that_says_so(
    edge_tpus: EdgeTpus, photo_files: list[Path]
) -> None:
    twin = averaging_model()
    with edge_tpus(twin, ["usb"] * 3, unplugged_after={0: 20, 1: 30, 2: 10}) as tpus:
        with (
            EmbeddingExtractor(compiled(twin), device="all") as extractor,
            pytest.raises(EdgeTpuError, match=r"failed.*\(all 3 were lost\)"),
        ):
            extractor.extract(photo_files)
        assert tpus.open_delegates == 0
    assert tpus.inferences == [20, 30, 10]


def test_losing_the_only_edge_tpu_is_an_error(edge_tpus: EdgeTpus, photo_files: list[Path]) -> None:
    twin = averaging_model()
    with (
        edge_tpus(twin, ["usb"], unplugged_after={0: 20}),
        EmbeddingExtractor(compiled(twin)) as extractor,
    ):
        for _ in range(2):
            with pytest.raises(EdgeTpuError, match="plug it in again and start over"):
                extractor.extract(photo_files)


def test_a_device_that_cannot_be_opened_leaves_its_photos_to_the_others(
    edge_tpus: EdgeTpus, photo_files: list[Path]
) -> None:
    twin = averaging_model()
    with (
        edge_tpus(twin, ["usb"], latency=0.001),
        EmbeddingExtractor(compiled(twin), device=["usb", "usb:7"]) as extractor,
        pytest.warns(UserWarning, match="there is no Edge TPU 'usb:7'"),
    ):
        embeddings = extractor.extract(photo_files)
    np.testing.assert_array_equal(embeddings.quantized[:, 0], LEVELS)
