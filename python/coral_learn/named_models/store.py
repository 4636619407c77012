"""The folder of the downloaded models."""

import os
from pathlib import Path

from ..errors import ModelError
from ..extraction.builtin_extractor import builtin_extractor
from ..files import exclusive_lock
from ..machine import cache_folder
from ..progress import Progress
from .catalog import BUILTIN_NAME, NamedModel, catalog

URL_VARIABLE = "CORAL_LEARN_MODELS_URL"
"""The environment variable with the address of a folder to download from, such as a mirror."""

_CORAL_URL = (
    "https://github.com/google-coral/test_data/raw/104342d2d3480b3e66203073dac24f4e2dbb4c41"
)


def models_folder() -> Path:
    """Returns the folder of the downloaded models in the user's cache; it may not exist yet."""
    return cache_folder() / "models"


def path_of(model: NamedModel) -> Path:
    """Returns where a model is kept once it was downloaded."""
    return models_folder() / model.file


def fetch_model(model: NamedModel, progress: Progress) -> Path:
    """Returns the path of a model's file, which is downloaded if it is not there yet.

    The content is checked against the catalog each time.

    Args:
        model: The model.
        progress: Called with the number of bytes done and the total, during a download.

    Raises:
        ModelError: The file has another content than the catalog says.
        OSError: It cannot be downloaded or written.
    """
    path = path_of(model)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # A second process waits, and finds the file.
        with exclusive_lock(path.with_name(".lock")):
            if not path.exists():
                _download(model, path, progress)
    if not model.has_content(path.read_bytes()):
        raise ModelError(
            f"{path} is damaged or another file: delete it, and the next use downloads it again"
        )
    return path


def local_models() -> dict[str, Path]:
    """Returns the paths of the models that can be used without a download, by their names."""
    found = {BUILTIN_NAME: builtin_extractor()}
    for model in catalog().values():
        if path_of(model).is_file():
            found[model.name] = path_of(model)
    return found


def _download(model: NamedModel, path: Path, progress: Progress) -> None:
    url = f"{(os.environ.get(URL_VARIABLE) or _CORAL_URL).rstrip('/')}/{model.file}"
    part = path.with_name(f"{path.name}.part")
    if not part.exists() or not _complete(model, url, part, progress):
        part.unlink(missing_ok=True)  # what was there before may have been wrong
        if not _complete(model, url, part, progress):
            part.unlink()
            raise ModelError(
                f"{url} is not the file that {model.name} stands for (its hash differs), and was "
                f"deleted: try again, or correct {URL_VARIABLE}"
            )
    part.replace(path)


def _complete(model: NamedModel, url: str, part: Path, progress: Progress) -> bool:
    """Downloads what is missing, and tells whether the content is right."""
    from .download import DownloadError, download  # a file that is here needs no HTTP

    try:
        download(url, part, progress)
    except DownloadError as error:
        raise DownloadError(
            f"{model.name} cannot be downloaded: {error}. Or get {url} elsewhere, and put it into "
            f"{part.parent}"
        ) from error
    return model.has_content(part.read_bytes())
