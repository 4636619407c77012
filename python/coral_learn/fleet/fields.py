"""Fields: what a message carries, names with numbers, texts and arrays, as Flower's records do.

An array travels as its bytes, and its name says its type and shape: ``weights:<f4:5,1280``. Nothing
is believed of a message that was not sent by the same code: an array is only ever as large as the
bytes that came.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..arrays import AnyArray

Scalar: TypeAlias = bool | int | float | str
Value: TypeAlias = Scalar | AnyArray | list[str]
Fields: TypeAlias = Mapping[str, Value]
"""The content of one request or answer."""

Flat: TypeAlias = dict[str, Any]
"""What a ``flwr.app.ConfigRecord`` holds."""

_TYPES = ("<f4", "<f8", "<i8", "|i1")
_MAX_MESSAGES = 1000  # of one batch
_MAX_SHAPE = 4  # dimensions


def pack(messages: Sequence[Fields]) -> Flat:
    """Returns several messages as one flat record."""
    flat: Flat = {"count": len(messages)}
    for number, fields in enumerate(messages):
        for name, value in fields.items():
            if isinstance(value, np.ndarray):
                array = np.ascontiguousarray(value)
                shape = ",".join(map(str, array.shape))
                flat[f"{number}.{name}:{_little(array)}:{shape}"] = array.tobytes()
            else:
                flat[f"{number}.{name}"] = value
    return flat


def unpack(flat: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the messages of a record.

    Raises:
        ValueError: The record is not one that :func:`pack` returns, or has numbers that are not
            finite.
    """
    count = flat.get("count")
    if not isinstance(count, int) or not 0 <= count <= _MAX_MESSAGES:
        raise ValueError("the message has no count of its parts")
    messages: list[dict[str, Any]] = [{} for _ in range(count)]
    for key, value in flat.items():
        if key == "count":
            continue
        number, _, name = key.partition(".")
        if not number.isdecimal() or int(number) >= count:
            raise ValueError("the message has a part without a number")
        name, _, form = name.partition(":")
        messages[int(number)][name] = _array(name, form, value) if form else _checked(name, value)
    return messages


def _little(array: AnyArray) -> str:
    kind = array.dtype.newbyteorder("<").str
    if kind not in _TYPES:
        raise TypeError(f"an array of {array.dtype} cannot be sent")
    return kind


def _array(name: str, form: str, value: Any) -> AnyArray:
    kind, _, lengths = form.partition(":")
    shape = [int(length) for length in lengths.split(",") if length.isdecimal()]
    if kind not in _TYPES or len(shape) > _MAX_SHAPE or not isinstance(value, bytes):
        raise ValueError(f"{name} is not an array that can be read")
    if math.prod(shape) * np.dtype(kind).itemsize != len(value):
        raise ValueError(f"{name} has {len(value)} bytes, which is not its shape {shape}")
    array = np.frombuffer(value, kind).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has numbers that are not finite")
    return array


def _checked(name: str, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is not finite")
    return value


def texts(fields: Mapping[str, Any], name: str) -> list[str]:
    """Returns a list of texts of a message.

    Raises:
        ValueError: It is missing, or something else.
    """
    value = fields.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{name} must be a list of texts")
    return value


def array(fields: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> AnyArray:
    """Returns an array of a message.

    Args:
        fields: The message.
        name: The name of the array.
        shape: The shape that it must have.

    Raises:
        ValueError: It is missing, or has another shape.
    """
    value = fields.get(name)
    if not isinstance(value, np.ndarray) or value.shape != shape:
        found = value.shape if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"{name} must be an array of shape {shape}, not {found}")
    return value


def number(fields: Mapping[str, Any], name: str) -> float:
    """Returns a finite number of a message.

    Raises:
        ValueError: It is missing, or something else.
    """
    value = fields.get(name)
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a number")
    return value
