"""Models as trees of objects: unpacking, packing, and functions that each add or read one thing."""

import functools
import struct
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..errors import ModelError
from .checked import CheckedBuffer
from .quantization import Quantization
from .schema import ModelT, OperatorT, SubGraphT, TensorT, load_schema
from .validation import validate

_IDENTIFIER = b"TFL3"
_BYTE_ALIGNMENT = 16  # of buffers; runtimes map weights in place and read them with wide loads
# Of embeddings, far beyond any model; what is computed with scales between fits a 32-bit float.
_SMALLEST_SCALE, _LARGEST_SCALE = 2.0**-50, 2.0**50
_MOST_FEATURES = 2**16

_DTYPES: dict[str, np.dtype[Any]] = {
    "FLOAT32": np.dtype(np.float32),
    "FLOAT16": np.dtype(np.float16),
    "INT32": np.dtype(np.int32),
    "UINT8": np.dtype(np.uint8),
    "INT8": np.dtype(np.int8),
}


def unpack(content: bytes) -> ModelT:
    """Reads a model file into a tree.

    Vectors that the file leaves out are empty in the tree, and buffers and options that the file
    keeps beyond the flatbuffer are inline. Arrays of the tree are read-only views of ``content``:
    replace them, never write into them.

    Raises:
        ModelError: ``content`` is not a .tflite model, or a broken one.
    """
    if content[4:8] != _IDENTIFIER:
        raise ModelError("this is not a .tflite model: its bytes 4 to 8 are not TFL3")
    schema = load_schema()
    buffer = CheckedBuffer(content)
    try:
        model = schema.ModelT.InitFromBuf(buffer, struct.unpack_from("<I", content)[0])
        _fill_missing(model)
        _bring_inline(model, buffer)
        validate(model, schema)
    except (ValueError, TypeError, struct.error) as error:
        raise ModelError(f"this .tflite model is broken: {error}") from error
    return model


def pack(model: ModelT) -> bytes:
    """Writes a tree as a model file, with every buffer inline and aligned to 16 bytes."""
    size = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    builder = _AlignedBuilder(size + size // 8 + 4096)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(memoryview(builder.Bytes)[builder.Head() :])


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """A builder that honours the schema's ``force_align: 16``, which the generated code forgets."""

    def StartVector(self, size: int, count: int, alignment: int) -> Any:  # noqa: N802
        return super().StartVector(size, count, _BYTE_ALIGNMENT if size == 1 else alignment)


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


def tensor_shape(tensor: TensorT) -> tuple[int, ...]:
    """Returns the dimensions of a tensor."""
    return tuple(int(size) for size in tensor.shape)


def tensor_dtype(tensor: TensorT) -> np.dtype[Any]:
    """Returns the NumPy type of a tensor's elements.

    Raises:
        ModelError: They are of a type that no surgery handles.
    """
    dtype = _DTYPES.get(_name_of(load_schema().TensorType, tensor.type))
    if dtype is None:
        raise ModelError(
            f"tensor {tensor_name(tensor)!r} is {tensor_type_name(tensor)}, not one of "
            f"{', '.join(name.lower() for name in _DTYPES)}"
        )
    return dtype


def tensor_type_name(tensor: TensorT) -> str:
    """Returns the schema's name of a tensor's type in small letters, such as ``uint8``."""
    return _name_of(load_schema().TensorType, tensor.type).lower()


def tensor_steps(tensor: TensorT) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Returns the scales and the zero points of a quantized tensor, one or one for each channel.

    Raises:
        ModelError: The tensor has none.
    """
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not (quantization.scale > 0).any():
        raise ModelError(f"tensor {tensor_name(tensor)!r} has no quantization scale")
    zero_points = quantization.zeroPoint
    if zero_points is None or not len(zero_points):
        zero_points = np.zeros(1, np.int64)
    return quantization.scale, np.broadcast_to(zero_points, quantization.scale.shape)


def tensor_quantization(tensor: TensorT) -> Quantization | None:
    """Returns how an 8-bit tensor stores numbers; None for a tensor of another type.

    Raises:
        ModelError: The tensor has no scale, or several.
    """
    if tensor_type_name(tensor) not in ("uint8", "int8"):
        return None
    scales, zero_points = tensor_steps(tensor)
    if len(scales) != 1:
        raise ModelError(f"tensor {tensor_name(tensor)!r} has {len(scales)} quantization scales")
    return Quantization(tensor_dtype(tensor), float(scales[0]), int(zero_points[0]))


def operator_name(model: ModelT, operator: OperatorT) -> str:
    """Returns the name of an operator's kind, such as ``CONV_2D`` or ``edgetpu-custom-op``."""
    code = model.operatorCodes[operator.opcodeIndex]
    if code.customCode:
        return str(code.customCode.decode("utf-8", "replace"))
    return _name_of(load_schema().BuiltinOperator, _builtin_code(code))


def constant(model: ModelT, tensor: TensorT) -> NDArray[Any] | None:
    """Returns the elements of a constant tensor, as stored; None if it is not a constant.

    Raises:
        ModelError: They are of a type that no surgery handles.
    """
    data = model.buffers[tensor.buffer].data
    if data is None or not len(data) or tensor.sparsity is not None:
        return None
    return np.frombuffer(data, tensor_dtype(tensor)).reshape(tensor_shape(tensor))


def is_vector(shape: Sequence[int]) -> bool:
    """Tells whether a shape is that of one embedding: [1, D], [1, 1, D] or [1, 1, 1, D]."""
    return len(shape) > 1 and shape[-1] > 0 and all(size == 1 for size in shape[:-1])


def embedding_index(model: ModelT) -> int:
    """Returns the index of the output of an embedding extractor.

    Raises:
        ModelError: The model has not one output, or it is not a vector of a type that heads read,
            or of no size or scale that can be.
    """
    graph = main_subgraph(model)
    if len(graph.outputs) != 1:
        raise ModelError(
            f"an embedding extractor has one output; this model has {len(graph.outputs)}"
        )
    index = int(graph.outputs[0])
    tensor = graph.tensors[index]
    if not is_vector(tensor_shape(tensor)):
        raise ModelError(
            "an embedding extractor gives [1, D] or [1, 1, 1, D]; "
            f"this model gives {list(tensor_shape(tensor))}"
        )
    if tensor_type_name(tensor) not in ("uint8", "int8", "float32"):
        raise ModelError(
            "an embedding extractor gives uint8, int8 or float32; "
            f"this model gives {tensor_type_name(tensor)}"
        )
    if tensor.shape[-1] > _MOST_FEATURES:
        raise ModelError(f"no embedding has {tensor.shape[-1]} features")
    quantization = tensor_quantization(tensor)
    if quantization and not _SMALLEST_SCALE <= quantization.scale <= _LARGEST_SCALE:
        raise ModelError(f"no embedding has a quantization scale of {quantization.scale}")
    return index


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
        dtype: float32, float16, int32, uint8 or int8.
        values: The elements of a constant; None for a tensor that an operator computes.
        scale: Quantization scale; one number, or one for each index of the first dimension
            (quantized per channel); None for tensors that are not quantized.
        zero_point: One number, or as many as scales.
    """
    schema = load_schema()
    graph = main_subgraph(model)
    dtype = np.dtype(dtype)
    tensor = schema.TensorT()
    tensor.name = _unique_name(graph, name).encode()
    tensor.shape = np.array(shape, np.int32)
    tensor.type = next(
        getattr(schema.TensorType, type_name)
        for type_name, known in _DTYPES.items()
        if known == dtype
    )
    if values is not None:
        tensor.buffer = add_buffer(model, np.asarray(values, dtype).tobytes())
    if scale is not None:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = np.array(scale, np.float32, ndmin=1)
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
    operator.inputs = np.array(inputs, np.int32)
    operator.outputs = np.array(outputs, np.int32)
    if options is not None:
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = options
    graph = main_subgraph(model)
    graph.operators.append(operator)
    return len(graph.operators) - 1


def add_metadata(model: ModelT, name: str, data: bytes) -> int:
    """Adds an entry to the model's metadata and returns its index."""
    entry = load_schema().MetadataT()
    entry.name = name.encode()
    entry.buffer = add_buffer(model, data)
    model.metadata.append(entry)
    return len(model.metadata) - 1


def is_shared(model: ModelT, buffer: int) -> bool:
    """Tells whether more than one tensor or metadata entry has this buffer, which none may fill."""
    tensors = (tensor for graph in model.subgraphs for tensor in graph.tensors)
    return [owner.buffer for owner in (*tensors, *model.metadata)].count(buffer) > 1


def set_output(model: ModelT, tensor: int) -> None:
    """Makes a tensor the only output of the model.

    Signatures keep the name of their first output, so that programs which ask for it go on working.
    """
    main_subgraph(model).outputs = np.array([tensor], np.int32)
    for signature in model.signatureDefs:
        signature.outputs = signature.outputs[:1]
        for output in signature.outputs:
            output.tensorIndex = tensor


def _fill_missing(model: ModelT) -> None:
    _empty_if_missing(
        model, "operatorCodes", "subgraphs", "buffers", "metadata", "signatureDefs", kind=list
    )
    for graph in model.subgraphs:
        _empty_if_missing(graph, "tensors", "operators", kind=list)
        _empty_if_missing(graph, "inputs", "outputs", kind=_no_indices)
        for operator in graph.operators:
            _empty_if_missing(operator, "inputs", "outputs", "intermediates", kind=_no_indices)
        for tensor in graph.tensors:
            _empty_if_missing(tensor, "shape", kind=_no_indices)
    for signature in model.signatureDefs:
        _empty_if_missing(signature, "inputs", "outputs", kind=list)


def _no_indices() -> NDArray[np.int32]:
    return np.zeros(0, np.int32)


def _empty_if_missing(node: Any, *fields: str, kind: Any) -> None:
    for field in fields:
        if getattr(node, field) is None:
            setattr(node, field, kind())


def _bring_inline(model: ModelT, file: CheckedBuffer) -> None:
    for buffer in model.buffers:
        if buffer.data is None and buffer.size > 1:  # 0 and 1 mean that there is none
            buffer.data = _span(file, buffer.offset, buffer.size)
        buffer.offset = buffer.size = 0
    for operator in (operator for graph in model.subgraphs for operator in graph.operators):
        if operator.customOptions is None and operator.largeCustomOptionsSize > 1:
            operator.customOptions = _span(
                file, operator.largeCustomOptionsOffset, operator.largeCustomOptionsSize
            )
        operator.largeCustomOptionsOffset = operator.largeCustomOptionsSize = 0


def _span(file: CheckedBuffer, offset: int, size: int) -> NDArray[np.uint8]:
    file.spend_bytes(offset, size)
    return np.frombuffer(file.content, np.uint8, size, offset)


def _name_of(enumeration: Any, value: int) -> str:
    return _names(enumeration).get(value, f"number {value}")


@functools.cache
def _names(enumeration: Any) -> dict[int, str]:
    members = vars(enumeration).items()
    return {value: name for name, value in members if isinstance(value, int)}


def _builtin_code(code: Any) -> int:
    # Files older than 2020 have the narrow field alone; in newer ones it holds at most 127.
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def _find_or_add_operator_code(model: ModelT, code: int, version: int) -> int:
    for index, known in enumerate(model.operatorCodes):
        if _builtin_code(known) == code and known.version == version:
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
