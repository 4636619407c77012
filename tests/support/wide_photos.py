"""Wide photos whose class only their center shows, and an extractor that tells colors apart."""

from pathlib import Path

import numpy as np
from PIL import Image
from tests.support.averaging_model import averaging_model

from coral_learn import Classifier
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.resize_note import read_resize
from coral_learn.tflite.resizing import View

COLORS = {"blue": (40, 40, 200), "green": (40, 200, 40), "red": (200, 40, 40)}
EXTRACTOR = averaging_model(size=(8, 8))
PER_CLASS = 10
_WIDE = (48, 16)


def write_wide_photos(folder: Path) -> None:
    """Writes a folder of photos for each color."""
    for number, (name, color) in enumerate(COLORS.items()):
        (folder / name).mkdir()
        for index in range(PER_CLASS):
            photo = wide_photo(color, PER_CLASS * number + index)
            photo.save(folder / name / f"{name}{index}.png")


def wide_photo(color: tuple[int, int, int], seed: int) -> Image.Image:
    """Returns a photo whose central square shows a color, and whose sides show any."""
    random = np.random.default_rng(seed)
    width, height = _WIDE
    pixels = np.broadcast_to(random.integers(0, 256, 3), (height, width, 3)).copy()
    start = (width - height) // 2
    square = np.array(color) + random.integers(-30, 30, (height, height, 3))
    pixels[:, start : start + height] = square
    return Image.fromarray(pixels.astype(np.uint8))


def crop_by_hand(photo: Path, folder: Path) -> Path:
    """Writes the central square of a photo into a folder, and returns its path."""
    start = (_WIDE[0] - _WIDE[1]) // 2
    path = folder / photo.name
    with Image.open(photo) as image:
        image.crop((start, 0, start + _WIDE[1], _WIDE[1])).save(path)
    return path


def scores(model: Path, photos: list[Path], resize: View | None = None) -> np.ndarray:
    """Returns the scores that a classifier gives photos."""
    with Classifier(model, resize=resize) as classifier:
        return classifier.scores(photos)


def note_of(model: Path | bytes) -> str:
    """Returns how the photos of a model are resized."""
    return read_resize(ModelFile.open(model))
