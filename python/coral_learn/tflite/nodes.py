"""The tensors and operators of a graph, as objects that answer questions about themselves."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from . import schema
from .quantization import Quantization

DTYPES: dict[str, np.dtype[Any]] = {
    "FLOAT32": np.dtype(np.float32),
    "FLOAT16": np.dtype(np.float16),
    "INT32": np.dtype(np.int32),
    "UINT8": np.dtype(np.uint8),
    "INT8": np.dtype(np.int8),
}
"""The element types that this package works with, by their names in the schema."""

EMBEDDING_TYPES = ("uint8", "int8", "float32")
"""The types of embeddings that heads can read."""


class Scales(NamedTuple):
    """The scales and zero points of a quantized tensor: one of each, or one per channel."""

    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]


class Tensor:
    """A tensor of a graph; two tensors are equal only if they are the same object.

    Attributes:
        index: The number of the tensor in the subgraph.
        table: The table of the tensor in the tree.
    """

    __slots__ = ("index", "table")

    def __init__(self, index: int, table: schema.TensorT) -> None:
        self.index = index
        self.table = table

    @property
    def name(self) -> str:
        """The name of the tensor, with bytes that are not UTF-8 replaced."""
        return (self.table.name or b"").decode("utf-8", "replace")

    @property
    def shape(self) -> tuple[int, ...]:
        """The dimensions of the tensor."""
        return tuple(int(size) for size in self.table.shape)

    @property
    def type_name(self) -> str:
        """The schema's name of the element type in lower case, such as ``uint8``."""
        return name_in(schema.TensorType, self.table.type).lower()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type of the elements.

        Raises:
            ModelError: The elements are of a type that this package does not work with.
        """
        dtype = DTYPES.get(self.type_name.upper())
        if dtype is None:
            known = ", ".join(name.lower() for name in DTYPES)
            raise ModelError(f"tensor {self.name!r} is {self.type_name}, not one of {known}")
        return dtype

    @property
    def scales(self) -> Scales:
        """The scales and zero points of the tensor.

        Raises:
            ModelError: The tensor is not quantized.
        """
        quantization = self.table.quantization
        if quantization is None or quantization.scale is None or not (quantization.scale > 0).any():
            raise ModelError(f"tensor {self.name!r} has no quantization scale")
        zero_points = quantization.zeroPoint
        if zero_points is None or not len(zero_points):
            zero_points = np.zeros(1, np.int64)
        return Scales(quantization.scale, np.broadcast_to(zero_points, quantization.scale.shape))

    @property
    def quantization(self) -> Quantization | None:
        """How a uint8 or int8 tensor stores real numbers; None for other types.

        Raises:
            ModelError: The tensor has no scale, or several.
        """
        if self.type_name not in ("uint8", "int8"):
            return None
        scales, zero_points = self.scales
        if len(scales) != 1:
            raise ModelError(f"tensor {self.name!r} has {len(scales)} quantization scales")
        return Quantization(self.dtype, float(scales[0]), int(zero_points[0]))

    @property
    def is_vector(self) -> bool:
        """Whether the tensor holds one vector per image: [1, D], [1, 1, D] or [1, 1, 1, D]."""
        return len(self.shape) > 1 and self.shape[-1] > 0 and set(self.shape[:-1]) == {1}


class Operator:
    """An operator of a graph.

    Attributes:
        table: The table of the operator in the tree.
        name: The name of its kind, such as ``CONV_2D`` or ``edgetpu-custom-op``.
        inputs: The tensors that it reads; None for an optional input that is left out.
        outputs: The tensors that it computes.
    """

    __slots__ = ("inputs", "name", "outputs", "table")

    def __init__(self, table: schema.OperatorT, name: str, tensors: Sequence[Tensor]) -> None:
        self.table = table
        self.name = name
        self.inputs: list[Tensor | None] = [
            None if i < 0 else tensors[i] for i in table.inputs.tolist()
        ]
        self.outputs: list[Tensor] = [tensors[i] for i in table.outputs.tolist()]

    @property
    def has_activation(self) -> bool:
        """Whether an activation, such as RELU, is fused into the operator."""
        return bool(getattr(self.table.builtinOptions, "fusedActivationFunction", 0))


def name_in(enumeration: type, value: int) -> str:
    """Returns the name of a value in one of the schema's enumerations."""
    return _names(enumeration).get(value, f"number {value}")


@functools.cache
def _names(enumeration: type) -> dict[int, str]:
    members = vars(enumeration).items()
    return {value: name for name, value in members if isinstance(value, int)}
