"""The format of a model's input: pixels become the tensor values that the model expects."""

import numpy as np
import pytest
from tests.support.averaging_model import averaging_model

from coral_learn.edgetpu.runtime import TensorDetails
from coral_learn.extraction.extractor import EmbeddingExtractor
from coral_learn.extraction.input_format import InputFormat
from coral_learn.tflite.metadata import METADATA_ENTRY, add_metadata_entry
from coral_learn.tflite.metadata_format import encode_metadata
from coral_learn.tflite.normalization import Normalization
from coral_learn.tflite.tree import pack, unpack

COLORS = [(10, 200, 30), (0, 0, 0), (255, 255, 255), (128, 127, 1), (77, 5, 250)]


def plain(color: tuple[int, int, int]) -> np.ndarray:
    """A photo of one color, whose averaging embedding is that color."""
    return np.full((10, 12, 3), color, np.uint8)


def input_of(dtype: type[np.generic], scale: float, zero_point: int) -> TensorDetails:
    """The description of an image input with this quantization."""
    shape = np.array([1, 4, 4, 3], np.int32)
    return {
        "name": "input",
        "index": 0,
        "shape": shape,
        "shape_signature": shape,
        "dtype": dtype,
        "quantization": (scale, zero_point),
        "quantization_parameters": {
            "scales": np.array([scale], np.float32),
            "zero_points": np.array([zero_point], np.int32),
            "quantized_dimension": 0,
        },
        "sparsity_parameters": {},
    }


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
        (np.uint8, 0.0, 0, 0),  # not quantized: the values are pixels
    ],
)
def test_bytes_are_used_unchanged_if_photos_span_the_range(
    dtype: type[np.generic], scale: float, zero_point: int, less: int
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
def test_real_values_are_quantized_if_photos_do_not_span_the_range(
    dtype: type[np.generic], scale: float, zero_point: int, reals: tuple[float, float]
) -> None:
    table = InputFormat.of_tensor(input_of(dtype, scale, zero_point)).table.astype(int)
    real = (table[[0, 255]] - zero_point) * scale
    np.testing.assert_allclose(real, reals, atol=scale / 2 + 1e-9)
    assert np.diff(table).min() >= 0
    assert np.ptp(np.diff(table)) <= 1


def test_values_outside_the_calibrated_range_are_clipped() -> None:
    table = InputFormat.of_tensor(input_of(np.uint8, 0.96 / 128, 128)).table.astype(int)
    assert (table[0], table[255]) == (0, 255)
    middle = slice(8, 248)
    real = (table[middle] - 128) * 0.96 / 128
    np.testing.assert_allclose(real, np.arange(256)[middle] / 127.5 - 1, atol=0.004)


def test_the_mean_and_deviation_of_imagenet_are_recognized_by_their_range() -> None:
    scale, zero_point = (2.64 + 2.118) / 255, 114
    table = InputFormat.of_tensor(input_of(np.uint8, scale, zero_point)).table.astype(int)
    real = (table - zero_point) * scale
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(real[0], -mean / deviation, atol=scale)
    np.testing.assert_allclose(real[255], (1 - mean) / deviation, atol=scale)


def with_declared_normalization(content: bytes, mean: list[float], std: list[float]) -> bytes:
    """Adds metadata to a model that declares how its input is normalized."""
    model = unpack(content)
    image = {"process_units": [{"options": (1, {"mean": mean, "std": std})}]}
    metadata = {"subgraph_metadata": [{"input_tensor_metadata": [image]}]}
    add_metadata_entry(model, METADATA_ENTRY.decode(), encode_metadata(metadata))
    return pack(model)


@pytest.mark.parametrize(
    ("mean", "std"), [([0.0], [255.0]), ([123.5, 116.0, 103.5], [58.5, 57.0, 57.5])]
)
def test_a_float_model_gets_its_declared_normalization(mean: list[float], std: list[float]) -> None:
    with EmbeddingExtractor(
        with_declared_normalization(averaging_model(np.float32), mean, std)
    ) as extractor:
        embeddings = extractor.extract([plain(color) for color in COLORS])
    np.testing.assert_allclose(
        np.asarray(embeddings, np.float32), (np.array(COLORS) - mean) / std, atol=1e-5
    )


@pytest.mark.parametrize(
    ("mean", "std"), [([0.0], [0.0]), ([float("nan")], [1.0]), ([0.0, 0.0], [1.0, 1.0]), ([], [])]
)
def test_an_invalid_normalization_is_ignored(mean: list[float], std: list[float]) -> None:
    content = with_declared_normalization(averaging_model(np.float32), mean, std)
    with pytest.warns(UserWarning, match="by assumption"):
        extractor = EmbeddingExtractor(content)
    with extractor:
        [embedding] = extractor.extract([plain((255, 0, 255))])
    np.testing.assert_allclose(embedding, [1, -1, 1])


@pytest.mark.parametrize(
    ("scale", "zero_point", "mean", "std", "reals"),
    [
        (1 / 128, 128, 127.5, 127.5, None),
        (1 / 128, 128, 0.0, 1.0, None),  # of the bytes, as some quantized models declare it
        (1 / 40, 128, 127.5, 50.0, (-2.55, 2.55)),
    ],
)
def test_a_quantized_model_gets_its_declared_normalization_if_it_fits(
    scale: float, zero_point: int, mean: float, std: float, reals: tuple[float, float] | None
) -> None:
    declared = Normalization((mean,), (std,))
    table = InputFormat.of_tensor(input_of(np.uint8, scale, zero_point), declared).table.astype(int)
    if reals is None:
        np.testing.assert_array_equal(table, np.arange(256))
    else:
        np.testing.assert_allclose((table[[0, 255]] - zero_point) * scale, reals, atol=scale)


def test_a_float_model_gets_pixels_from_minus_one_to_one() -> None:
    with pytest.warns(UserWarning, match="by assumption"):
        extractor = EmbeddingExtractor(averaging_model(np.float32))
    with extractor:
        embeddings = extractor.extract([plain(color) for color in COLORS])
    assert embeddings.quantized.dtype == np.float32
    np.testing.assert_allclose(
        np.asarray(embeddings, np.float32), np.array(COLORS) / 127.5 - 1, atol=1e-6
    )


def test_channels_keep_their_own_normalization() -> None:
    scale, zero_point = (2.64 + 2.118) / 255, 114
    with EmbeddingExtractor(averaging_model(np.uint8, scale, zero_point)) as extractor:
        [embedding] = extractor.extract([plain((124, 116, 104))])
    np.testing.assert_allclose(embedding, 0, atol=scale)
