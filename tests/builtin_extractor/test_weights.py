"""Reading a file of ``torch.save`` without PyTorch."""

import os
from pathlib import Path

import numpy as np
import pytest
from builtin_extractor.weights import WeightsError, parse_weights, read_weights
from hypothesis import given
from hypothesis import strategies as st
from tests.support.torch_file import Tensor, ones, plain, torch_file

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

VALUES = np.arange(24, dtype=np.float32)
SMALL = torch_file({"a": ones(2, 3), "b": plain(np.array(7, np.int64))})


def test_tensors_come_back_with_their_strides() -> None:
    content = torch_file(
        {
            "plain": plain(VALUES.reshape(2, 3, 4)),
            "transposed": Tensor(VALUES, (4, 6), (1, 4)),
            "part": Tensor(VALUES, (2, 2), (6, 1), offset=9),
            "count": plain(np.array(1234567890123, np.int64)),
        }
    )
    found = parse_weights(content)
    assert list(found) == ["plain", "transposed", "part", "count"]
    np.testing.assert_array_equal(found["plain"], VALUES.reshape(2, 3, 4))
    np.testing.assert_array_equal(found["transposed"], VALUES.reshape(6, 4).T)
    np.testing.assert_array_equal(found["part"], [[9, 10], [15, 16]])
    assert found["count"] == 1234567890123
    assert found["count"].shape == ()
    assert {each.dtype.name for each in found.values()} == {"float32", "int64"}


def test_another_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(SMALL)
    with pytest.raises(WeightsError, match=r"other\.pth has the SHA-256 hash .* but the weights"):
        read_weights(path)


@given(length=st.integers(0, len(SMALL) - 1))
def test_a_truncated_file_is_refused(length: int) -> None:
    with pytest.raises(WeightsError, match="damaged"):
        parse_weights(SMALL[:length])


class Attack:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch attacked",)


def test_a_pickle_that_names_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=r"names (posix|nt)\.system, which tensors do not need"):
        parse_weights(torch_file({"a": Attack()}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor(VALUES, (5, 5), (5, 1)),
        Tensor(VALUES, (2,), (1,), offset=23),
        Tensor(VALUES, (2,), (1,), offset=-1),
        Tensor(VALUES, (2,), (-1,), offset=1),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(tensor: Tensor) -> None:
    with pytest.raises(WeightsError, match="outside its storage"):
        parse_weights(torch_file({"a": tensor}))


def test_another_format_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"not of the format of torch\.save"):
        parse_weights(torch_file({"a": ones(2)}, magic=1))
