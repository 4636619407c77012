"""Photos on disk, with one folder for each class."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .labels import check_label

PHOTO_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"}
    | {".pbm", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp"}
)
"""Files with these suffixes, in upper or lower case, are photos; other files are ignored."""


class ImageFolder:
    """The photos in ``path/<class>/``, at any depth below the folder of the class.

    Attributes:
        path: The folder that contains the class folders.
        classes: The names of the class folders, sorted, so that the labels are in the same order
            on every machine.
        paths: The paths of the photos, class by class, and sorted within each class.
        labels: The class index of each photo, int64 of shape [N].
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Lists the photos without opening them.

        Raises:
            ValueError: The folder does not exist, cannot be read, or has no class folder; or a
                class folder has no photo, or a name that a label map cannot hold.
        """
        self.path = Path(path)
        folders = _class_folders(self.path)
        photos = [photos_below(folder) for folder in folders]
        empty = [folder.name for folder, paths in zip(folders, photos, strict=True) if not paths]
        if empty:
            raise ValueError(
                f"{self.path} has class folders without photos: {', '.join(empty)}. "
                "Add photos to each of them, or remove the folder."
            )
        self.classes = [folder.name for folder in folders]
        self.paths = [path for paths in photos for path in paths]
        self.labels = np.repeat(np.arange(len(photos)), [len(paths) for paths in photos])

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"ImageFolder({str(self.path)!r}: {len(self)} photos of {len(self.classes)} classes)"


@dataclass(frozen=True)
class Split:
    """A split of rows into disjoint parts; each part is an array of row numbers, int64.

    Attributes:
        train: The rows to train on.
        validation: The rows to validate on, while training.
        test: The rows to test on.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split_by_class(
    labels: NDArray[np.int64], validation: float, test: float, seed: int | None = None
) -> Split:
    """Splits rows at random, with the same fractions for every class.

    A class with few rows gives at least one row to each part that is asked for, as long as one row
    remains for training.

    Args:
        labels: The class of each row, [N].
        validation: The fraction of rows for validation, in [0, 1).
        test: The fraction of rows for the test, in [0, 1). The sum of both must be less than 1.
        seed: The same seed gives the same split.

    Raises:
        ValueError: The fractions are out of range.
    """
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise ValueError(
            "the validation and test fractions must be at least 0 and sum to less than 1, "
            f"not {validation} and {test}"
        )
    generator = np.random.default_rng(seed)
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        tests = _share(len(rows), test)
        validations = min(_share(len(rows), validation), len(rows) - tests - 1)
        for part, chosen in zip(
            parts, np.split(rows, [len(rows) - tests - validations, len(rows) - tests]), strict=True
        ):
            part.append(chosen)
    train, held, tested = (
        generator.permutation(np.concatenate(part or [np.empty(0, np.int64)])) for part in parts
    )
    return Split(train, held, tested)


def _share(rows: int, fraction: float) -> int:
    """Returns how many rows of a class go to a part: at least one, but never all."""
    return min(max(round(rows * fraction), 1), rows - 1) if fraction > 0 else 0


def _class_folders(path: Path) -> list[Path]:
    try:
        folders = sorted(
            entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")
        )
    except FileNotFoundError:
        raise ValueError(
            f"the folder {path} does not exist. Give the folder of your photos."
        ) from None
    except NotADirectoryError:
        raise ValueError(f"{path} is a file. Give the folder of your photos.") from None
    except OSError as error:
        raise ValueError(f"cannot read the folder {path}: {error.strerror}") from error
    for folder in folders:
        _check_class_folder(folder, path)
    if not folders:
        raise ValueError(
            f"{path} has no class folders. Put the photos of each class into a folder of their "
            f"own, such as {path / 'daisy'}."
        )
    return folders


def _check_class_folder(folder: Path, path: Path) -> None:
    try:
        check_label(folder.name)
    except ValueError as error:
        raise ValueError(f"the folder {str(folder)!r} must be renamed: {error}") from None
    if folder.is_symlink() and path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{folder} is a link to a folder that contains the link. Remove the link.")


def photos_below(path: Path) -> list[Path]:
    """Returns the photos in a folder, at any depth, sorted; for a file, returns the file.

    Links to folders are not followed, so that a loop of links cannot hang.

    Raises:
        ValueError: A folder cannot be read.
    """
    if not path.is_dir():
        return [path]
    photos, waiting = [], [os.fspath(path)]
    while waiting:  # not os.walk, which is recursive before Python 3.12
        try:
            entries = [entry for entry in os.scandir(waiting.pop()) if entry.name[0] != "."]
        except FileNotFoundError:  # removed while other folders were listed
            continue
        except OSError as error:
            raise ValueError(
                f"cannot read the folder {error.filename}: {error.strerror}"
            ) from error
        waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        photos += [
            Path(entry.path)
            for entry in entries
            if Path(entry.name).suffix.lower() in PHOTO_SUFFIXES
            and not entry.is_dir(follow_symlinks=False)
        ]
    return sorted(photos)
