"""Outputs that exist already: which files a command must not overwrite without being told to."""

from pathlib import Path

from ..errors import ModelError
from ..files import interrupted_writes
from ..labels import format_labels
from ..tflite.file import ModelFile
from ..tflite.label_file import read_archived_labels
from ..tflite.metadata import LABEL_FILE_NAME
from .saved_model import LABEL_MAP_NAME, MODEL_NAMES

_OTHER_NAMES = ("report.html", "report.json", "photos.csv")


def foreign_results(folder: Path) -> list[Path]:
    """Returns the files in the way of a retrained model that this package did not write.

    A retrained model of this package has its labels inside, and the label map beside it has the
    same labels. After a process was killed while it replaced them, the model of one of them is
    among what it left.

    Args:
        folder: The folder for a retrained model, which need not exist.
    """
    models = {folder / name: _labels_inside(folder / name) for name in MODEL_NAMES}
    left = [each for path in models for each in interrupted_writes(path)]
    inside = [*models.values(), *map(_labels_inside, left)]
    own_labels = [labels for labels in inside if labels is not None]
    found = [path for path, labels in models.items() if labels is None and _exists(path)]
    label_map = folder / LABEL_MAP_NAME
    if _exists(label_map) and not _has_labels(label_map, own_labels):
        found.append(label_map)
    if not own_labels:
        found += [folder / name for name in _OTHER_NAMES if _exists(folder / name)]
    return found


def foreign_extractor(path: Path) -> list[Path]:
    """Returns the path of a file if it exists and is no extractor that this package made."""
    if not _exists(path) or path.is_dir():  # writing to a folder has its own error
        return []
    try:
        return [] if ModelFile.open(path).is_extractor else [path]
    except ModelError:
        return [path]


def foreign_file(path: Path, content: bytes) -> list[Path]:
    """Returns the path of a file if it exists with other content than the one to write."""
    if not _exists(path):
        return []
    try:
        return [] if path.read_bytes() == content else [path]
    except OSError:
        return [path]


def refuse_own_input(output: Path, read: Path) -> None:
    """Refuses an output that would replace the file that a command reads, also through links.

    Raises:
        ValueError: Both are the same file.
    """
    if output.exists() and read.exists() and output.samefile(read):
        raise ValueError(
            f"{output} is the model that is read, and the result would replace it. "
            "Choose another --output."
        )


def _labels_inside(model: Path) -> list[str] | None:
    try:
        return read_archived_labels(model.read_bytes(), LABEL_FILE_NAME)
    except OSError:
        return None


def _has_labels(label_map: Path, choices: list[list[str]]) -> bool:
    try:
        content = label_map.read_bytes()
    except OSError:
        return False
    return any(content == format_labels(labels).encode() for labels in choices)


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()
