"""What a model compiled for the Edge TPU needs, read from the program inside its operator."""

import struct

from flatbuffers import encode, flexbuffers, number_types, packer, table

from .file import EDGETPU_CUSTOM_OP, ModelFile
from .model import main_subgraph, unpack

_EXECUTABLE = "4"  # key of the operator's flexbuffer, by libedgetpu's tflite/custom_op_data.cc
_PACKAGE_IDENTIFIER = b"DWN1"  # by libedgetpu's executable/executable.fbs
_MIN_RUNTIME_VERSION = 4  # offset in the vtable of its table Package


def required_runtime_version(model_file: ModelFile | bytes) -> int | None:
    """Returns the lowest runtime version that libedgetpu must have for a compiled model.

    Args:
        model_file: A model with an ``edgetpu-custom-op``.

    Returns:
        The N of "RuntimeVersion(N)" in libedgetpu's version; None where the model does not say.

    Raises:
        ModelError: It is not a model.
    """
    model = unpack(ModelFile.open(model_file).content)
    versions = [
        _package_version(bytes(operator.customOptions))
        for operator in main_subgraph(model).operators
        if model.operatorCodes[operator.opcodeIndex].customCode == EDGETPU_CUSTOM_OP
        and operator.customOptions is not None
    ]
    return max((version for version in versions if version is not None), default=None)


def _package_version(options: bytes) -> int | None:
    try:
        package = bytes(flexbuffers.GetRoot(options).AsMap[_EXECUTABLE].AsStringBytes)
        if package[4:8] != _PACKAGE_IDENTIFIER:
            return None
        root = table.Table(package, encode.Get(packer.uoffset, package, 0))
        offset = root.Offset(_MIN_RUNTIME_VERSION)
        return int(root.Get(number_types.Int32Flags, root.Pos + offset)) if offset else 0
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, struct.error):
        return None  # of another form; libedgetpu is the one to refuse it
