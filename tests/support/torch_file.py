"""Writing files as ``torch.save`` did before PyTorch 1.6, without PyTorch."""

import io
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class FloatStorage:
    """Stands for PyTorch's class of the same name."""


class LongStorage:
    """Stands for PyTorch's class of the same name."""


def _rebuild_tensor_v2(*_: object) -> None:
    """Stands for PyTorch's function of the same name."""


FloatStorage.__module__ = LongStorage.__module__ = "torch"
_rebuild_tensor_v2.__module__ = "torch._utils"
_STORAGE_TYPES: dict[str, type] = {"float32": FloatStorage, "int64": LongStorage}


class Tensor:
    """A tensor: a strided view of a storage, which several tensors may share."""

    def __init__(
        self,
        storage: NDArray[Any],
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        offset: int = 0,
    ) -> None:
        self.storage, self.shape, self.strides, self.offset = storage, shape, strides, offset

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_tensor_v2, (
            _Reference(self.storage),
            self.offset,
            self.shape,
            self.strides,
            False,
            OrderedDict(),
        )


class _Reference:
    def __init__(self, storage: NDArray[Any]) -> None:
        self.storage = storage


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> tuple[object, ...] | None:
        if not isinstance(obj, _Reference):
            return None
        kind = _STORAGE_TYPES[obj.storage.dtype.name]
        return "storage", kind, str(id(obj.storage)), "cpu", obj.storage.size, None


def plain(values: NDArray[Any]) -> Tensor:
    """Returns a contiguous tensor with a storage of its own."""
    strides = tuple(stride // values.itemsize for stride in values.strides)
    return Tensor(values.ravel(), values.shape, strides)


def torch_file(tensors: Mapping[str, object], *, magic: int = MAGIC) -> bytes:
    """Returns a file with tensors, or with other objects, by their names."""
    storages = {
        str(id(tensor.storage)): tensor.storage
        for tensor in tensors.values()
        if isinstance(tensor, Tensor)
    }
    parts = (magic, PROTOCOL, {"little_endian": True}, OrderedDict(tensors), list(storages))
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    vars(torch).update(FloatStorage=FloatStorage, LongStorage=LongStorage)
    vars(utils).update(_rebuild_tensor_v2=_rebuild_tensor_v2)
    file = io.BytesIO()
    with patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        for part in parts:
            _Pickler(file, protocol=2).dump(part)
    for storage in storages.values():
        little_endian = storage.astype(storage.dtype.newbyteorder("<"))
        file.write(storage.size.to_bytes(8, "little") + little_endian.tobytes())
    return file.getvalue()


def ones(*shape: int) -> Tensor:
    """Returns a tensor of ones."""
    return plain(np.ones(shape, np.float32))
