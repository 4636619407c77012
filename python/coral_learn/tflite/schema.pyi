# ruff: noqa: N802, N815 (the names are those of the generated code)
"""The types of the schema that this package and its tests use, by TFLite's ``schema.fbs``.

A vector that a file leaves out is None in the generated code, and empty after
:func:`~coral_learn.tflite.tree.unpack`; the types are those after it.
"""

from types import ModuleType
from typing import ClassVar

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from .checked import CheckedBuffer, CheckedTable

def load_generated(table: type[CheckedTable]) -> ModuleType: ...

class Model:
    _tab: CheckedTable
    def Init(self, buf: CheckedBuffer, pos: int) -> None: ...
    def Subgraphs(self, j: int) -> SubGraph | None: ...

class SubGraph:
    _tab: CheckedTable

class ModelT:
    version: int
    operatorCodes: list[OperatorCodeT]
    subgraphs: list[SubGraphT]
    description: bytes | None
    buffers: list[BufferT]
    metadata: list[MetadataT]
    signatureDefs: list[SignatureDefT]
    externalBuffers: list[ExternalBufferT]  # not in the schema of older releases
    @classmethod
    def InitFromBuf(cls, buf: CheckedBuffer, pos: int) -> ModelT: ...
    def Pack(self, builder: flatbuffers.Builder) -> int: ...

class SubGraphT:
    tensors: list[TensorT]
    inputs: NDArray[np.int32]
    outputs: NDArray[np.int32]
    operators: list[OperatorT]
    name: bytes | None

class TensorT:
    shape: NDArray[np.int32]
    type: int
    buffer: int
    name: bytes | None
    quantization: QuantizationParametersT | None
    isVariable: bool
    sparsity: object | None
    shapeSignature: NDArray[np.int32] | None

class QuantizationParametersT:
    scale: NDArray[np.float32] | None
    zeroPoint: NDArray[np.int64] | None
    detailsType: int
    quantizedDimension: int

class BufferT:
    data: NDArray[np.uint8] | None
    offset: int
    size: int

class ExternalBufferT:  # not in the schema of older releases
    id: int
    group: int
    offset: int
    length: int
    packing: bytes | None

class OperatorT:
    opcodeIndex: int
    inputs: NDArray[np.int32]
    outputs: NDArray[np.int32]
    intermediates: NDArray[np.int32]
    builtinOptionsType: int
    builtinOptions: OptionsT | None
    builtinOptions2Type: int
    builtinOptions2: object | None
    customOptions: NDArray[np.uint8] | None
    largeCustomOptionsOffset: int
    largeCustomOptionsSize: int

class OperatorCodeT:
    builtinCode: int
    deprecatedBuiltinCode: int
    customCode: bytes | None
    version: int

class MetadataT:
    name: bytes | None
    buffer: int

class SignatureDefT:
    inputs: list[TensorMapT]
    outputs: list[TensorMapT]
    signatureKey: bytes | None
    subgraphIndex: int

class TensorMapT:
    name: bytes | None
    tensorIndex: int

class Conv2DOptionsT:
    padding: int
    strideW: int
    strideH: int
    fusedActivationFunction: int

class Pool2DOptionsT:
    padding: int
    strideW: int
    strideH: int
    filterWidth: int
    filterHeight: int

class FullyConnectedOptionsT:
    fusedActivationFunction: int

class MulOptionsT:
    fusedActivationFunction: int

class SoftmaxOptionsT:
    beta: float

class ReshapeOptionsT:
    newShape: NDArray[np.int32] | None

class SqueezeOptionsT:
    squeezeDims: NDArray[np.int32] | None

class ReducerOptionsT:
    keepDims: bool

class L2NormOptionsT:
    fusedActivationFunction: int

class ConcatenationOptionsT:
    axis: int
    fusedActivationFunction: int

class QuantizeOptionsT: ...
class DequantizeOptionsT: ...

OptionsT = (
    Conv2DOptionsT
    | Pool2DOptionsT
    | FullyConnectedOptionsT
    | MulOptionsT
    | SoftmaxOptionsT
    | ReshapeOptionsT
    | SqueezeOptionsT
    | ReducerOptionsT
    | L2NormOptionsT
    | ConcatenationOptionsT
    | QuantizeOptionsT
    | DequantizeOptionsT
)

class TensorType:
    FLOAT32: ClassVar[int]
    FLOAT16: ClassVar[int]
    INT32: ClassVar[int]
    UINT8: ClassVar[int]
    INT64: ClassVar[int]
    INT8: ClassVar[int]
    RESOURCE: ClassVar[int]
    VARIANT: ClassVar[int]

class BuiltinOperator:
    CONV_2D: ClassVar[int]
    AVERAGE_POOL_2D: ClassVar[int]
    CONCATENATION: ClassVar[int]
    CUSTOM: ClassVar[int]
    DEQUANTIZE: ClassVar[int]
    FULLY_CONNECTED: ClassVar[int]
    L2_NORMALIZATION: ClassVar[int]
    MUL: ClassVar[int]
    QUANTIZE: ClassVar[int]
    RELU: ClassVar[int]
    RESHAPE: ClassVar[int]
    SOFTMAX: ClassVar[int]
    SPLIT: ClassVar[int]
    TANH: ClassVar[int]

class BuiltinOptions:
    SplitOptions: ClassVar[int]

class BuiltinOptions2: ...
class QuantizationDetails: ...

class Padding:
    SAME: ClassVar[int]
    VALID: ClassVar[int]

class ActivationFunctionType:
    NONE: ClassVar[int]
    RELU: ClassVar[int]
    RELU6: ClassVar[int]
