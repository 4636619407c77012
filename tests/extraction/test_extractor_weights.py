"""Reading the weights of the built-in extractor, and quantizing them."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tools.builtin_extractor.network import Moments
from tools.builtin_extractor.quantization import int8_of, quantize_filters
from tools.builtin_extractor.weights import WeightsError, parse_weights, read_weights

pytestmark = pytest.mark.slow_when_emulated  # the result does not depend on the processor

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def torch_file(array: NDArray[np.float32], *, magic: int = MAGIC) -> bytes:
    """Returns a file of one tensor ``w``, whose storage holds it transposed."""
    file = io.BytesIO()
    header: tuple[object, ...] = (magic, PROTOCOL, {"little_endian": True})
    for value in header:
        pickle.dump(value, file, protocol=2)
    strides = [stride // 4 for stride in array.T.copy().T.strides]
    # A pickle of protocol 2 by hand, because PyTorch's classes are not here.
    shape, steps = _tuple(array.shape), _tuple(strides)
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0kX\x03\0\0\0cpu"
    storage += b"J" + array.size.to_bytes(4, "little") + b"NtQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\0" + shape + steps
    tensor += b"\x89ccollections\nOrderedDict\n)RtR"
    state = b"\x80\x02ccollections\nOrderedDict\n)R(X\x01\0\0\0w" + tensor + b"u."
    file.write(state)
    pickle.dump(["k"], file, protocol=2)
    file.write(array.size.to_bytes(8, "little") + array.T.astype("<f4").tobytes())
    return file.getvalue()


def _tuple(numbers: Any) -> bytes:
    return b"(" + b"".join(b"J" + int(n).to_bytes(4, "little") for n in numbers) + b"t"


def test_the_strides_of_a_tensor_are_honored() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    (found,) = parse_weights(torch_file(array)).values()
    np.testing.assert_array_equal(found, array)
    assert found.flags.c_contiguous


def test_another_file_is_refused_by_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(torch_file(np.ones((2, 2), np.float32)))
    with pytest.raises(WeightsError, match=r"weights\.pth has the SHA-256 hash"):
        read_weights(path)


@pytest.mark.parametrize("end", [0, 3, 40, 150, -1, -9])
def test_a_damaged_file_is_refused(end: int) -> None:
    content = torch_file(np.ones((2, 2), np.float32))
    with pytest.raises(WeightsError):
        parse_weights(content[:end])


def test_a_file_of_another_format_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"not of the format of torch\.save"):
        parse_weights(torch_file(np.ones((2, 2), np.float32), magic=7))


def test_nothing_that_a_file_names_is_run() -> None:
    file = io.BytesIO()
    header: tuple[object, ...] = (MAGIC, PROTOCOL, {})
    for value in header:
        pickle.dump(value, file, protocol=2)
    file.write(b"cos\nsystem\n(X\x04\0\0\0echotR.")
    with pytest.raises(WeightsError, match=r"names os\.system"):
        parse_weights(file.getvalue())


@given(low=st.floats(-50, 50), width=st.floats(1e-3, 100), value=st.floats(0, 1, allow_nan=False))
def test_a_range_is_stored_in_steps(low: float, width: float, value: float) -> None:
    found = int8_of(low, low + width)
    real = min(low, 0) + value * (max(low + width, 0) - min(low, 0))
    stored = np.clip(round(real / found.scale) + found.zero_point, -128, 127)
    assert abs((stored - found.zero_point) * found.scale - real) <= 1.01 * found.scale
    assert -128 <= found.zero_point <= 127


@given(seed=st.integers(0, 99), size=st.sampled_from([1e-30, 1e-12, 1e-3, 1.0, 1e3]))
def test_filters_are_stored_without_an_overflow(seed: int, size: float) -> None:
    random = np.random.default_rng(seed)
    weights, biases = random.normal(0, size, (4, 3, 3, 2)), random.normal(0, 5, 4)
    source = int8_of(0, 6)
    found = quantize_filters(weights, biases, source, axis=0)
    assert np.abs(found.biases.astype(np.int64)).max() <= 2**30 * (1 + 1e-6)
    real = found.biases * found.bias_scales.astype(np.float64)
    np.testing.assert_allclose(real, biases, rtol=1e-6, atol=found.bias_scales.max())
    steps = found.scales.astype(np.float64)[:, None, None, None]
    assert (np.abs(found.weights * steps - weights) <= 0.51 * steps).all()


def test_the_moments_of_a_sum_are_sums() -> None:
    one = Moments(np.array([1.0, -2.0]), np.array([4.0, 0.0]))
    assert one.range() == (-7.0, 9.0)
    total = one + one
    assert total.mean.tolist() == [2.0, -4.0]
    assert total.variance.tolist() == [8.0, 0.0]
