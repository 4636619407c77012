"""The extractor that is part of the package: EfficientNet-Lite0, trained on ImageNet."""

from pathlib import Path

from . import __path__ as _folders

_FILE = Path("data", "efficientnet_lite0_extractor.tflite")


def builtin_extractor_path() -> Path:
    """Returns the path of the built-in extractor.

    It maps uint8 photos of 224 x 224 pixels to embeddings with 1280 features.

    Raises:
        FileNotFoundError: The package is used from a checkout and was never built there.
    """
    for folder in _folders:  # an editable installation has a second one, for what the build makes
        if (path := Path(folder, _FILE)).is_file():
            return path
    path = Path(_folders[0], _FILE)
    raise FileNotFoundError(
        f"{path} does not exist: the build makes the built-in extractor. Install the package with "
        f"`pip install .`, or run `python -m builtin_extractor {path}`."
    )
