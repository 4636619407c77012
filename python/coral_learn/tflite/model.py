"""Models as trees of objects: unpacking, packing, and functions that each add or read one thing."""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..errors import ModelError
from .schema import ModelT, OperatorT, SubGraphT, TensorT, load_schema

_IDENTIFIER = b"TFL3"
_BYTE_ALIGNMENT = 16  # of buffers; runtimes map weights in place and read them with wide loads

_DTYPES = {
    "FLOAT32": np.dtype(np.float32),
    "INT32": np.dtype(np.int32),
    "UINT8": np.dtype(np.uint8),
    "INT8": np.dtype(np.int8),
}


def unpack(content: bytes) -> ModelT:
    """Reads a model file into a tree, which shares (read-only) the bytes of ``content``.

    Raises:
        ModelError: ``content`` is not a .tflite model, or a broken one.
    """
    if content[4:8] != _IDENTIFIER:
        raise ModelError("not a .tflite model: its bytes 4 to 8 are not TFL3")
    try:
        return load_schema().ModelT.InitFromPackedBuf(content)
    except Exception as error:
        raise ModelError(f"a broken .tflite model: {error}") from error


def pack(model: ModelT) -> bytes:
    """Writes a tree as a model file, with every buffer inline and aligned to 16 bytes."""
    builder = _AlignedBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """A builder that honours the schema's ``force_align: 16``, which the generated code forgets."""

    def StartVector(self, elem_size: int, count: int, alignment: int) -> Any:  # noqa: N802
        if elem_size == 1:
            alignment = _BYTE_ALIGNMENT
        return super().StartVector(elem_size, count, alignment)


def main_subgraph(model: ModelT) -> SubGraphT:
    """Returns the only subgraph.

    Raises:
        ModelError: There are more.
    """
    if len(model.subgraphs) != 1:
        raise ModelError(
            f"the model has {len(model.subgraphs)} subgraphs; only models with one can be changed"
        )
    return model.subgraphs[0]


def tensor_name(tensor: TensorT) -> str:
    """Returns the name of a tensor, with bytes that are not UTF-8 replaced."""
    return (tensor.name or b"").decode("utf-8", "replace")


def tensor_dtype(tensor: TensorT) -> np.dtype[Any] | None:
    """Returns the NumPy type of a tensor's elements, or None for types no surgery handles."""
    types = load_schema().TensorType
    for name, dtype in _DTYPES.items():
        if getattr(types, name) == tensor.type:
            return dtype
    return None


def add_buffer(model: ModelT, data: bytes) -> int:
    """Adds a buffer and returns its index."""
    buffer = load_schema().BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def add_tensor(
    model: ModelT,
    name: str,
    shape: Sequence[int],
    dtype: DTypeLike,
    *,
    values: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    zero_point: ArrayLike = 0,
) -> int:
    """Adds a tensor to the main subgraph and returns its index.

    Args:
        model: Changed in place.
        name: Made unique by a number at its end if another tensor has it.
        shape: Its dimensions.
        dtype: float32, int32, uint8 or int8.
        values: The elements of a constant; None for a tensor that an operator computes.
        scale: Quantization scale; one number, or one for each index of the first dimension
            (quantized per channel); None for tensors that are not quantized.
        zero_point: As many as scales.
    """
    schema = load_schema()
    graph = main_subgraph(model)
    dtype = np.dtype(dtype)
    tensor = schema.TensorT()
    tensor.name = _unique_name(graph, name).encode()
    tensor.shape = np.asarray(shape, np.int32)
    tensor.type = next(
        getattr(schema.TensorType, name) for name, each in _DTYPES.items() if each == dtype
    )
    if values is not None:
        tensor.buffer = add_buffer(model, np.asarray(values, dtype).tobytes())
    if scale is not None:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = np.atleast_1d(np.asarray(scale, np.float32))
        tensor.quantization.zeroPoint = np.array(
            np.broadcast_to(np.asarray(zero_point, np.int64), tensor.quantization.scale.shape)
        )
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def add_operator(
    model: ModelT,
    code: int,
    inputs: Sequence[int],
    outputs: Sequence[int],
    *,
    options: Any = None,
    version: int = 1,
) -> int:
    """Adds an operator at the end of the main subgraph and returns its index.

    Args:
        model: Changed in place.
        code: A value of the schema's ``BuiltinOperator``.
        inputs: Tensor indices.
        outputs: Tensor indices.
        options: The options object of the operator's kind, or None where it has none.
        version: The oldest version of the operator that does the work, so that old runtimes
            accept the model.
    """
    schema = load_schema()
    operator = schema.OperatorT()
    operator.opcodeIndex = _find_or_add_operator_code(model, code, version)
    operator.inputs = np.asarray(inputs, np.int32)
    operator.outputs = np.asarray(outputs, np.int32)
    if options is not None:
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = options
    graph = main_subgraph(model)
    graph.operators.append(operator)
    return len(graph.operators) - 1


def set_output(model: ModelT, old: int, new: int) -> None:
    """Makes tensor ``new`` the output of the model and its signatures where ``old`` was."""
    graph = main_subgraph(model)
    graph.outputs = np.asarray([new if i == old else i for i in graph.outputs], np.int32)
    for signature in model.signatureDefs or []:
        for output in signature.outputs or []:
            if output.tensorIndex == old:
                output.tensorIndex = new


def builtin_code(model: ModelT, operator: OperatorT) -> int:
    """Returns the kind of an operator, a value of the schema's ``BuiltinOperator``."""
    code = model.operatorCodes[operator.opcodeIndex]
    # Files older than 2020 have the narrow field alone; in newer ones it holds at most 127.
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def constant_values(model: ModelT, tensor: TensorT) -> NDArray[Any] | None:
    """Returns the elements of a constant tensor, as stored; None if it is not a constant."""
    data = model.buffers[tensor.buffer].data
    dtype = tensor_dtype(tensor)
    if data is None or len(data) == 0 or dtype is None:
        return None
    return np.frombuffer(data, dtype).reshape(tensor.shape)


def _find_or_add_operator_code(model: ModelT, code: int, version: int) -> int:
    for index, known in enumerate(model.operatorCodes):
        kind = max(known.builtinCode, known.deprecatedBuiltinCode)
        if kind == code and known.version == version:
            return index
    added = load_schema().OperatorCodeT()
    added.builtinCode = code
    added.deprecatedBuiltinCode = min(code, 127)
    added.version = version
    model.operatorCodes.append(added)
    return len(model.operatorCodes) - 1


def _unique_name(graph: SubGraphT, name: str) -> str:
    taken = {tensor_name(tensor) for tensor in graph.tensors}
    unique, number = name, 1
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique
