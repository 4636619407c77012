"""Embeddings: read like a float32 array, stored as quantized values, saved to a file."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from coral_learn.embeddings import Embeddings

STORED = np.array([[0, 100, 255], [1, 2, 3], [7, 8, 9], [50, 60, 70]], np.uint8)
REAL = (STORED.astype(np.float32) - 100) * np.float32(0.5)

SHAPES = st.tuples(st.integers(0, 5), st.integers(1, 6))


@st.composite
def any_embeddings(draw: st.DrawFn) -> Embeddings:
    dtype: Any = draw(st.sampled_from([np.uint8, np.int8, np.float32]))
    if dtype == np.float32:
        numbers = st.floats(-1e6, 1e6, width=32)
        return Embeddings(draw(npst.arrays(np.float32, SHAPES, elements=numbers)))
    limits = np.iinfo(dtype)
    scale = draw(st.floats(1e-6, 1e3))
    zero_point = draw(st.integers(int(limits.min), int(limits.max)))
    return Embeddings(draw(npst.arrays(dtype, SHAPES)), scale, zero_point)


@pytest.fixture
def embeddings() -> Embeddings:
    return Embeddings(STORED, 0.5, 100)


def assert_same(one: Embeddings, other: Embeddings) -> None:
    assert one.quantized.dtype == other.quantized.dtype
    np.testing.assert_array_equal(one.quantized, other.quantized)
    assert (one.scale, one.zero_point) == (other.scale, other.zero_point)


@given(any_embeddings())
def test_the_array_is_the_dequantized_matrix(embeddings: Embeddings) -> None:
    array = np.asarray(embeddings)
    assert array.dtype == embeddings.dtype == np.float32
    assert array.shape == embeddings.shape
    assert array.ndim == embeddings.ndim
    exact = (embeddings.quantized.astype(np.float64) - embeddings.zero_point) * embeddings.scale
    np.testing.assert_allclose(array, exact, rtol=1e-6, atol=0)


def test_embeddings_can_be_read_like_an_array(embeddings: Embeddings) -> None:
    assert embeddings.shape == (4, 3)
    assert len(embeddings) == 4
    np.testing.assert_array_equal(list(embeddings), REAL)
    np.testing.assert_array_equal(embeddings[2], REAL[2])
    np.testing.assert_array_equal(embeddings[np.int64(-1)], REAL[-1])
    np.testing.assert_array_equal(embeddings[:, 1], REAL[:, 1])
    assert embeddings[3, 2] == REAL[3, 2]
    np.testing.assert_array_equal(np.mean(embeddings, axis=0), REAL.mean(axis=0))
    np.testing.assert_array_equal(np.asarray(embeddings, np.float64), REAL)


@pytest.mark.parametrize(
    "index",
    [
        slice(1, 3),
        slice(None, None, -2),
        slice(2, 2),
        [3, 1, 1],
        [True, False, True, False],
        np.array([2, 0]),
        np.array([False, True, True, False]),
        np.array([], np.int64),
    ],
    ids=str,
)
def test_selected_rows_are_embeddings(embeddings: Embeddings, index: Any) -> None:
    rows = embeddings[index]
    assert isinstance(rows, Embeddings)
    assert rows.quantized.dtype == np.uint8
    np.testing.assert_array_equal(rows, REAL[index])


def test_a_slice_shares_the_memory(embeddings: Embeddings) -> None:
    assert np.shares_memory(embeddings[1:].quantized, STORED)


def test_an_index_out_of_range_is_an_index_error(embeddings: Embeddings) -> None:
    with pytest.raises(IndexError):
        embeddings[4]
    with pytest.raises(IndexError):
        embeddings[[0, 9]]


@pytest.mark.parametrize("stored", [STORED, REAL])
def test_no_array_given_or_returned_can_change_embeddings(stored: np.ndarray) -> None:
    source = stored.copy()
    embeddings = Embeddings(source)
    assert source.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        embeddings.quantized[0, 0] = 1
    changed = np.array(embeddings)
    changed[:] = 0
    np.testing.assert_array_equal(embeddings.quantized, stored)


def test_float32_is_read_without_a_copy_and_other_types_only_with_one() -> None:
    floats = Embeddings(REAL)
    assert np.shares_memory(np.asarray(floats), REAL)
    assert floats.__array__(copy=False) is floats.quantized
    with pytest.raises(ValueError, match="float32 embeddings cannot be read as float64 without"):
        floats.__array__(np.float64, copy=False)
    with pytest.raises(ValueError, match="uint8 embeddings cannot be read as float32 without"):
        Embeddings(STORED).__array__(copy=False)


@given(any_embeddings(), st.data())
def test_concatenated_parts_equal_the_whole(embeddings: Embeddings, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(embeddings)))
    assert_same(Embeddings.concatenate([embeddings[:cut], embeddings[cut:]]), embeddings)


@pytest.mark.parametrize(
    "other",
    [
        Embeddings(STORED, 0.25, 100),
        Embeddings(STORED, 0.5, 99),
        Embeddings(STORED[:, :2], 0.5, 100),
        Embeddings(STORED.astype(np.int8), 0.5, 100),
        Embeddings(REAL),
    ],
    ids=repr,
)
def test_embeddings_of_different_extractors_are_not_joined(
    embeddings: Embeddings, other: Embeddings
) -> None:
    with pytest.raises(ValueError, match="different extractors"):
        Embeddings.concatenate([embeddings, other])


def test_an_empty_list_cannot_be_concatenated() -> None:
    with pytest.raises(ValueError, match="no embeddings to concatenate"):
        Embeddings.concatenate([])


@given(embeddings=any_embeddings())
def test_saved_and_pickled_embeddings_are_loaded_unchanged(
    embeddings: Embeddings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "embeddings.npz"
    embeddings.save(path)
    assert_same(Embeddings.load(path), embeddings)
    assert_same(pickle.loads(pickle.dumps(embeddings)), embeddings)
    assert_same(copy.deepcopy(embeddings), embeddings)


def test_the_file_has_the_given_name(embeddings: Embeddings, tmp_path: Path) -> None:
    embeddings.save(tmp_path / "flowers.embeddings")
    assert [path.name for path in tmp_path.iterdir()] == ["flowers.embeddings"]


@pytest.mark.parametrize("kept", [0, 10, 300, -1])
def test_the_error_names_a_broken_file(embeddings: Embeddings, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "embeddings.npz"
    embeddings.save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"embeddings\.npz is not an embeddings file"):
        Embeddings.load(path)


def test_a_file_of_a_later_version_is_refused(embeddings: Embeddings, tmp_path: Path) -> None:
    path = tmp_path / "embeddings.npz"
    np.savez(path, version=2, quantized=STORED, scale=1.0, zero_point=0)
    with pytest.raises(ValueError, match="version 2, not 1"):
        Embeddings.load(path)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Embeddings.load(tmp_path / "missing.npz")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(3, np.uint8),), r"shape \[N, D\], not uint8 of shape \[3\]"),
        ((np.zeros((1, 2, 3), np.uint8),), r"not uint8 of shape \[1, 2, 3\]"),
        ((np.zeros((2, 3)),), "must be uint8, int8 or float32 .* not float64"),
        ((STORED, 0.0), r"scale must be positive and at most 1e\+36, not 0\.0"),
        ((STORED, -1.0), "scale must be"),
        ((STORED, float("nan")), "scale must be"),
        ((STORED, float("inf")), "scale must be"),
        ((STORED, 1.0, 256), "zero_point 256 is outside the range of uint8"),
        ((STORED.astype(np.int8), 1.0, 128), "zero_point 128 is outside the range of int8"),
        ((REAL, 0.5), "float32 embeddings must have scale 1 and zero point 0, not 0.5 and 0"),
    ],
)
def test_invalid_values_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Embeddings(*arguments)


def test_repr_shows_size_and_type(embeddings: Embeddings) -> None:
    assert repr(embeddings) == "Embeddings(4 x 3 uint8, scale=0.5, zero_point=100)"
    assert repr(Embeddings(REAL)) == "Embeddings(4 x 3 float32)"
