"""Functions to work with any image model."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...edgetpu.runtime import Interpreter
from ...extraction.input_format import InputFormat

_Resized = TypeVar("_Resized")


def input_details(interpreter: Interpreter, key: str) -> Any:
    """Returns one detail of the model's input, such as its ``shape`` or ``dtype``."""
    return interpreter.get_input_details()[0][key]


def input_size(interpreter: Interpreter) -> tuple[int, int]:
    """Returns the size of the model's input image as (width, height)."""
    _, height, width, _ = input_details(interpreter, "shape")
    return int(width), int(height)


def input_tensor(interpreter: Interpreter) -> NDArray[Any]:
    """Returns a view of the model's input tensor, of shape [height, width, 3].

    The interpreter cannot run while a view of its memory is alive.
    """
    view: NDArray[Any] = interpreter.tensor(input_details(interpreter, "index"))()[0]
    return view


def output_tensor(interpreter: Interpreter, i: int) -> NDArray[Any]:
    """Returns a view of the model's output tensor number ``i``, as stored.

    The interpreter cannot run while a view of its memory is alive.
    """
    view: NDArray[Any] = interpreter.tensor(interpreter.get_output_details()[i]["index"])()
    return view


def set_input(interpreter: Interpreter, data: ArrayLike) -> None:
    """Copies an image to the model's input tensor.

    Args:
        interpreter: The interpreter, with its tensors allocated.
        data: A PIL image or an array [height, width, 3] of the tensor's own dtype. Pixels (uint8)
            for a model with another input type are converted to it; pycoral knew uint8 alone.
    """
    values = np.asarray(data)
    tensor = input_tensor(interpreter)
    if values.dtype == np.uint8 and tensor.dtype != np.uint8:
        values = InputFormat.of_tensor(interpreter.get_input_details()[0]).encode(values)[0]
    tensor[:, :] = values


def set_resized_input(
    interpreter: Interpreter, size: tuple[int, int], resize: Callable[[tuple[int, int]], _Resized]
) -> tuple[_Resized, tuple[float, float]]:
    """Copies an image to the model's input tensor, resized to fit and padded with zeros.

    Args:
        interpreter: The interpreter, with its tensors allocated.
        size: The image's own (width, height).
        resize: Given (width, height), returns the image resized to that.

    Returns:
        What ``resize`` returned, and the ratio of the resize in both directions.
    """
    width, height = input_size(interpreter)
    ratio = min(width / size[0], height / size[1])
    new_width, new_height = int(size[0] * ratio), int(size[1] * ratio)
    resized = resize((new_width, new_height))
    padded = np.zeros((height, width, int(input_details(interpreter, "shape")[3])), np.uint8)
    padded[:new_height, :new_width] = np.reshape(
        np.asarray(resized), (new_height, new_width, padded.shape[2])
    )
    set_input(interpreter, padded)
    return resized, (ratio, ratio)
