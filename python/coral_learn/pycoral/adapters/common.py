"""Functions that work with any image model."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...edgetpu.runtime import Interpreter
from ...extraction.input_format import InputFormat

if TYPE_CHECKING:
    from PIL.Image import Image

_Resized = TypeVar("_Resized")

_CHANNELS = (1, 3)


def input_details(interpreter: Interpreter, key: str) -> Any:
    """Returns one of the details of the model's input: ``shape`` or ``dtype``, for example."""
    return cast(dict[str, Any], interpreter.get_input_details()[0])[key]


def input_size(interpreter: Interpreter) -> tuple[int, int]:
    """Returns the size of the model's input image in pixels, as (width, height)."""
    width, height, _ = _dimensions(interpreter)
    return width, height


def input_tensor(interpreter: Interpreter) -> NDArray[Any]:
    """Returns a view of the model's input tensor, of shape [height, width, 3] in most models.

    The interpreter cannot run while a view of its memory is alive.
    """
    image: NDArray[Any] = interpreter.tensor(interpreter.get_input_details()[0]["index"])()[0]
    return image


def output_tensor(interpreter: Interpreter, i: int) -> NDArray[Any]:
    """Returns a view of the model's ``i``-th output tensor, not dequantized.

    The interpreter cannot run while a view of its memory is alive.
    """
    return interpreter.tensor(interpreter.get_output_details()[i]["index"])()


def set_input(interpreter: Interpreter, data: "ArrayLike | Image") -> None:
    """Copies an image to the model's input tensor.

    Args:
        interpreter: The interpreter, with its tensors allocated.
        data: A PIL image, or an array [height, width, 3] of the tensor's own dtype. If the model's
            input is not uint8, uint8 pixels are converted to its type; pycoral supports uint8 only.
            For a model with the channels first, the axes of such an array are changed.
    """
    values = np.asarray(data)
    tensor = input_tensor(interpreter)
    if values.dtype == np.uint8 and tensor.dtype != np.uint8:
        values = InputFormat.of_tensor(interpreter.get_input_details()[0]).encode(values)[0]
    elif _channels_first(interpreter) and values.shape[:2] == tensor.shape[1:]:
        values = np.moveaxis(np.atleast_3d(values), 2, 0)
    tensor[:, :] = values


def set_resized_input(
    interpreter: Interpreter, size: tuple[int, int], resize: Callable[[tuple[int, int]], _Resized]
) -> tuple[_Resized, tuple[float, float]]:
    """Copies an image to the model's input tensor, resized to fit and padded with zeros.

    The aspect ratio is kept; the padding is at the right and at the bottom.

    Args:
        interpreter: The interpreter, with its tensors allocated.
        size: The image's own size in pixels, as (width, height).
        resize: A function that takes (width, height) and returns the image resized to that size.

    Returns:
        The resized image, and the scale factors (horizontal, vertical), which are equal.
    """
    width, height, channels = _dimensions(interpreter)
    ratio = min(width / size[0], height / size[1])
    new_width, new_height = int(size[0] * ratio), int(size[1] * ratio)
    resized = resize((new_width, new_height))
    padded = np.zeros((height, width, channels), np.uint8)
    padded[:new_height, :new_width] = np.reshape(
        np.asarray(resized), (new_height, new_width, channels)
    )
    set_input(interpreter, padded)
    return resized, (ratio, ratio)


def _dimensions(interpreter: Interpreter) -> tuple[int, int, int]:
    """Returns width, height and channels of the model's input image."""
    _, *dims = map(int, input_details(interpreter, "shape"))
    if _channels_first(interpreter):
        channels, height, width = dims
    else:
        height, width, channels = dims
    return width, height, channels


def _channels_first(interpreter: Interpreter) -> bool:
    """Tells whether the model's input has the shape [1, channels, height, width]."""
    _, first, _, last = input_details(interpreter, "shape")
    return first in _CHANNELS and last not in _CHANNELS
