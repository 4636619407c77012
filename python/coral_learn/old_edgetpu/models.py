"""Opening model files, with the errors of that time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ModelError, ModelRunError
from ..tflite.file import ModelFile


def open_model(path: str, failure: str) -> ModelFile:
    """Opens a model.

    Args:
        path: The path of a ``.tflite`` file.
        failure: The error's text if the file cannot be read.

    Raises:
        RuntimeError: The file cannot be read.
    """
    try:
        return ModelFile.open(Path(path))
    except ModelError as error:
        raise ModelRunError(failure) from error


@contextmanager
def model_errors() -> Iterator[None]:
    """Makes the errors of models RuntimeErrors, which they all were."""
    try:
        yield
    except ModelError as error:
        raise ModelRunError(str(error)) from error
