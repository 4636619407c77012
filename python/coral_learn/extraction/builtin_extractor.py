"""The embedding extractor that is part of the package: EfficientNet-Lite0, trained on ImageNet."""

from pathlib import Path

from ..errors import ModelError
from ..tflite.file import ModelFile, ModelSource

_FILE = Path(__file__).parent / "data" / "efficientnet_lite0_extractor.tflite"


def builtin_extractor() -> Path:
    """Returns the path of the built-in extractor.

    It takes uint8 photos of 224 x 224 pixels and gives uint8 embeddings of 1280 features. The build
    of the package makes it from the published weights (``tools/builtin_extractor``).

    Raises:
        ModelError: The package runs from a folder of sources, which was not built.
    """
    if not _FILE.exists():
        raise ModelError(
            f"the built-in extractor {_FILE} is missing: it is made when the package is installed "
            "(pip install .). Until then, name an extractor"
        )
    return _FILE


def open_or_builtin(model: ModelSource | None) -> ModelFile:
    """Opens a model, or the built-in extractor for None.

    Raises:
        ModelError: The file cannot be used.
    """
    return ModelFile.open(builtin_extractor() if model is None else model)
