"""The main subgraph of a model: its tensors and operators, read and added one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..errors import ModelError
from . import schema, tree
from .nodes import DTYPES, Operator, Tensor, name_in
from .quantization import Quantization

EDGETPU_CUSTOM_OP = "edgetpu-custom-op"
"""The operator of a model that was compiled for the Edge TPU."""

_CONTROL_FLOW = {"IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_COMPOSITE"}
"""The operators that run another subgraph."""


class Graph:
    """The only subgraph of a model, which can be read and added to.

    The graph of an opened file belongs to that file and must not be changed: change a
    :meth:`copy`.

    Attributes:
        model: The whole model as a tree.
        tensors: The tensors, by index.
        operators: The operators, in the order in which they run.
    """

    def __init__(self, model: schema.ModelT) -> None:
        """Reads the graph of a tree.

        Raises:
            ModelError: The model has several subgraphs.
        """
        if len(model.subgraphs) != 1:
            raise ModelError(_several_subgraphs(model))
        self.model = model
        self._table = model.subgraphs[0]
        self.tensors = [Tensor(i, table) for i, table in enumerate(self._table.tensors)]
        self.operators = [self._operator(table) for table in self._table.operators]

    @classmethod
    def empty(cls, description: str = "") -> Graph:
        """Returns the graph of a new model, without tensors and operators.

        Args:
            description: The description that the model contains.
        """
        table = schema.SubGraphT()
        table.name, table.tensors, table.operators = b"main", [], []
        table.inputs, table.outputs = np.zeros(0, np.int32), np.zeros(0, np.int32)
        model = schema.ModelT()
        model.version, model.description = 3, description.encode()
        model.operatorCodes, model.subgraphs, model.metadata, model.signatureDefs = (
            [],
            [table],
            [],
            [],
        )
        model.buffers = [schema.BufferT()]  # buffer 0 is empty by convention
        return cls(model)

    def copy(self) -> Graph:
        """Returns a graph that can be changed; the weights themselves are shared."""
        return Graph(tree.copy(self.model))

    @property
    def inputs(self) -> list[Tensor]:
        """The inputs of the model."""
        return [self.tensors[index] for index in self._table.inputs.tolist()]

    @property
    def outputs(self) -> list[Tensor]:
        """The outputs of the model."""
        return [self.tensors[index] for index in self._table.outputs.tolist()]

    @property
    def producers(self) -> dict[Tensor, Operator]:
        """The operator that computes each tensor; constants and inputs have none."""
        return {output: operator for operator in self.operators for output in operator.outputs}

    def constant(self, tensor: Tensor) -> NDArray[Any] | None:
        """Returns the elements of a constant, as stored; None for a tensor that is computed.

        Raises:
            ModelError: The elements are of a type that this package does not work with.
        """
        data = self.model.buffers[tensor.table.buffer].data
        if data is None or not len(data) or tensor.table.sparsity is not None:
            return None
        return np.frombuffer(data, tensor.dtype).reshape(tensor.shape)

    def add_tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: DTypeLike,
        *,
        values: ArrayLike | None = None,
        scale: ArrayLike | None = None,
        zero_point: ArrayLike = 0,
    ) -> Tensor:
        """Adds a tensor and returns it.

        Args:
            name: The name of the tensor; a number is appended if another tensor has that name.
            shape: The dimensions of the tensor.
            dtype: float32, float16, int32, uint8 or int8.
            values: The elements of a constant; None for a tensor that an operator computes.
            scale: The quantization scale: one number, or one per index of the first dimension
                (quantized per channel); None for a tensor that is not quantized.
            zero_point: One number, or as many as there are scales.
        """
        dtype = np.dtype(dtype)
        table = schema.TensorT()
        table.name = self._unique_name(name).encode()
        table.shape = np.array(shape, np.int32)
        type_name = next(each for each, known in DTYPES.items() if known == dtype)
        table.type = getattr(schema.TensorType, type_name)
        if values is not None:
            table.buffer = add_buffer(self.model, np.asarray(values, dtype).tobytes())
        if scale is not None:
            scales = np.array(scale, np.float32, ndmin=1)
            table.quantization = schema.QuantizationParametersT()
            table.quantization.scale = scales
            table.quantization.zeroPoint = np.array(
                np.broadcast_to(np.asarray(zero_point, np.int64), scales.shape)
            )
        self._table.tensors.append(table)
        self.tensors.append(Tensor(len(self.tensors), table))
        return self.tensors[-1]

    def add_result(
        self, name: str, shape: Sequence[int], dtype: DTypeLike, quantization: Quantization | None
    ) -> Tensor:
        """Adds a tensor for an operator to compute and returns it.

        Args:
            name: The name of the tensor.
            shape: The dimensions of the tensor.
            dtype: float32, uint8 or int8.
            quantization: How a uint8 or int8 tensor stores real numbers; None for float32.
        """
        if quantization is None:
            return self.add_tensor(name, shape, dtype)
        return self.add_tensor(
            name, shape, dtype, scale=quantization.scale, zero_point=quantization.zero_point
        )

    def add_operator(
        self,
        code: int,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        *,
        options: schema.OptionsT | None = None,
        version: int = 1,
    ) -> Operator:
        """Adds an operator that runs last and returns it.

        Args:
            code: A value of the schema's ``BuiltinOperator``.
            inputs: The tensors that it reads.
            outputs: The tensors that it computes.
            options: The options table of its kind, or None if it has none.
            version: The oldest version of the operator that is sufficient, so that old runtimes
                accept the model.
        """
        table = schema.OperatorT()
        table.opcodeIndex = _find_or_add_operator_code(self.model, code, version)
        table.inputs = np.array([tensor.index for tensor in inputs], np.int32)
        table.outputs = np.array([tensor.index for tensor in outputs], np.int32)
        table.intermediates = np.zeros(0, np.int32)
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            table.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            table.builtinOptions = options
        self._table.operators.append(table)
        self.operators.append(self._operator(table))
        return self.operators[-1]

    def set_inputs(self, tensors: Sequence[Tensor]) -> None:
        """Makes tensors the inputs of the model; signatures are not changed."""
        self._table.inputs = np.array([tensor.index for tensor in tensors], np.int32)

    def set_output(self, tensor: Tensor) -> Tensor:
        """Makes a tensor the only output of the model and returns it.

        Signatures keep the name of their first output, so that programs that ask for it by name
        still work.
        """
        self._table.outputs = np.array([tensor.index], np.int32)
        for signature in self.model.signatureDefs:
            signature.outputs = signature.outputs[:1]
            for output in signature.outputs:
                output.tensorIndex = tensor.index
        return tensor

    def _operator(self, table: schema.OperatorT) -> Operator:
        entry = self.model.operatorCodes[table.opcodeIndex]
        if entry.customCode:
            name = entry.customCode.decode("utf-8", "replace")
        else:
            name = name_in(schema.BuiltinOperator, _builtin_code(entry))
        return Operator(table, name, self.tensors)

    def _unique_name(self, name: str) -> str:
        taken = {tensor.name for tensor in self.tensors}
        unique, number = name, 1
        while unique in taken:
            unique, number = f"{name}_{number}", number + 1
        return unique


def add_buffer(model: schema.ModelT, data: bytes) -> int:
    """Adds a buffer to a tree and returns its index."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def _builtin_code(entry: schema.OperatorCodeT) -> int:
    # Files older than 2020 have only the narrow field; in newer files it holds at most 127.
    return max(int(entry.builtinCode), int(entry.deprecatedBuiltinCode))


def _several_subgraphs(model: schema.ModelT) -> str:
    used = [model.operatorCodes[each.opcodeIndex] for each in model.subgraphs[0].operators]
    names = {name_in(schema.BuiltinOperator, _builtin_code(entry)) for entry in used}
    control = ", ".join(sorted(names & _CONTROL_FLOW))
    reason = f"control flow: {control}" if control else "several signatures, or parts not in use"
    return (
        f"the model has {len(model.subgraphs)} subgraphs ({reason}), but only a model with one can "
        "be changed: convert it again without If and While, and with one signature"
    )


def _find_or_add_operator_code(model: schema.ModelT, code: int, version: int) -> int:
    for index, known in enumerate(model.operatorCodes):
        if _builtin_code(known) == code and known.version == version:
            return index
    added = schema.OperatorCodeT()
    added.builtinCode = code
    added.deprecatedBuiltinCode = min(code, 127)
    added.version = version
    model.operatorCodes.append(added)
    return len(model.operatorCodes) - 1
