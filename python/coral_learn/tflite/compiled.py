"""The runtime version that a compiled model needs, read from the program in its operator."""

import struct

from flatbuffers import encode, flexbuffers, number_types, packer, table

from .file import ModelFile
from .graph import EDGETPU_CUSTOM_OP

_EXECUTABLE = "4"  # key in the operator's flexbuffer, by libedgetpu's tflite/custom_op_data.cc
_PACKAGE_IDENTIFIER = b"DWN1"  # by libedgetpu's executable/executable.fbs
_MIN_RUNTIME_VERSION = 4  # offset in the vtable of its table Package


def required_runtime_version(model: ModelFile) -> int | None:
    """Returns the lowest runtime version that libedgetpu must have for a compiled model.

    Returns:
        The N in "RuntimeVersion(N)" of libedgetpu's version; None if the model does not state it.

    Raises:
        ModelError: The file is not a model.
    """
    versions = [
        _package_version(bytes(operator.table.customOptions))
        for operator in model.graph.operators
        if operator.name == EDGETPU_CUSTOM_OP and operator.table.customOptions is not None
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
        return None  # in another format; libedgetpu decides whether it can use it
