"""Functions that work with any image model."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...edgetpu.runtime import Interpreter

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
    """Returns a view of the model's input tensor, of shape [height, width, 3] in most models."""
    image: NDArray[Any] = interpreter.tensor(interpreter.get_input_details()[0]["index"])()[0]
    return image


def output_tensor(interpreter: Interpreter, i: int) -> NDArray[Any]:
    """Returns a view of the model's ``i``-th output tensor, not dequantized.

    It shows the values of the latest run. Copy it with ``numpy.array`` to keep them.
    """
    return interpreter.tensor(interpreter.get_output_details()[i]["index"])()


def set_input(interpreter: Interpreter, data: "ArrayLike | Image") -> None:
    """Copies an image to the model's input tensor.

    The values are copied as they are: they are neither normalized nor quantized for the model,
    which :class:`coral_learn.EmbeddingExtractor` and :class:`coral_learn.Classifier` do.

    Args:
        interpreter: The interpreter, with its tensors allocated.
        data: A PIL image, or an array of the tensor's shape without the batch, [height, width,
            channels] for an image. For a model with the channels first, it may also be in that
            order.
    """
    values = np.asarray(data)
    if _channels_first(interpreter) and values.shape[0] in _CHANNELS:
        input_tensor(interpreter)[...] = values
    else:
        _channels_last(interpreter)[...] = values


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
    tensor = _channels_last(interpreter)
    tensor.fill(0)
    resized = resize((new_width, new_height))
    tensor[:new_height, :new_width] = np.reshape(
        np.asarray(resized), (new_height, new_width, channels)
    )
    return resized, (ratio, ratio)


def _channels_last(interpreter: Interpreter) -> NDArray[Any]:
    """Returns a view of the model's input tensor of shape [height, width, channels]."""
    tensor = input_tensor(interpreter)
    return np.moveaxis(tensor, 0, 2) if _channels_first(interpreter) else tensor


def _dimensions(interpreter: Interpreter) -> tuple[int, int, int]:
    """Returns width, height and channels of the model's input image."""
    shape = list(map(int, input_details(interpreter, "shape")))
    if len(shape) != 4:
        raise ValueError(
            f"the model's input has the shape {shape}, but an image has [1, height, width, "
            "channels]: fill input_tensor() or use set_input() instead"
        )
    _, *dims = shape
    if _channels_first(interpreter):
        channels, height, width = dims
    else:
        height, width, channels = dims
    return width, height, channels


def _channels_first(interpreter: Interpreter) -> bool:
    """Tells whether the model's input has the shape [1, channels, height, width]."""
    shape = input_details(interpreter, "shape")
    return len(shape) == 4 and shape[1] in _CHANNELS and shape[3] not in _CHANNELS
