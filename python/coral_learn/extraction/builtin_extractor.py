"""The extractor that is part of the package: EfficientNet-Lite0, trained on ImageNet."""

from pathlib import Path

from ..errors import ModelError
from ..tflite.file import ModelFile, ModelSource
from ..tflite.image_shape import InputSize
from ..tflite.input_shape import fix_input_shape
from . import __path__ as _folders

_FILE = Path("data", "efficientnet_lite0_extractor.tflite")


def builtin_extractor() -> Path:
    """Returns the path of the built-in extractor.

    It maps uint8 photos of 224 x 224 pixels to uint8 embeddings with 1280 features. The build of
    the package makes it: see docs/extractor.md.

    Raises:
        ModelError: The package is used from a checkout and was never built there.
    """
    # An editable installation has two folders: the checkout, and one for what the build makes.
    for folder in _folders:
        if (path := Path(folder, _FILE)).is_file():
            return path
    path = Path(_folders[0], _FILE)
    raise ModelError(
        f"{path} does not exist, because the build of the package makes it: run `pip install .` in "
        f"the checkout, or `python -m builtin_extractor {path}`"
    )


def open_or_builtin(model: ModelSource | None, input_size: InputSize | None = None) -> ModelFile:
    """Opens a model, or the built-in extractor for None, with an input of one size.

    Args:
        model: The model.
        input_size: Width and height, as for
            :func:`~coral_learn.tflite.input_shape.fix_input_shape`.

    Raises:
        ModelError: The file cannot be used.
        ValueError: The size is not valid, or the model takes images of another size only.
    """
    opened = ModelFile.open(builtin_extractor() if model is None else model)
    return fix_input_shape(opened, input_size)
