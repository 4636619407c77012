"""Photos and a model to run: the flowers and MobileNet v1, or what the package has."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from coral_learn import ImageFolder
from coral_learn.demo.drawing import write_photos
from coral_learn.extraction.builtin_extractor import builtin_extractor

from .settings import Settings, real_data

_DRAWN_PER_CLASS = 6
_NOISE = 6  # of 255: the noise of a camera makes up most of the bytes of a large file


@dataclass(frozen=True)
class PhotoSet:
    """Photos in class folders, and an extractor for them."""

    name: str
    folder: Path
    extractor: Path

    @property
    def paths(self) -> list[Path]:
        """The paths of all photos."""
        return ImageFolder(self.folder).paths


@contextmanager
def photo_set(settings: Settings) -> Iterator[PhotoSet]:
    """Provides the flowers and MobileNet v1, or drawn photos and the built-in extractor."""
    data = real_data()
    if data is not None and not settings.quick:
        model = data / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
        yield PhotoSet("flowers, MobileNet v1", data / "flowers", model)
        return
    with TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        for _ in write_photos(photos, _DRAWN_PER_CLASS):
            pass
        yield PhotoSet("drawn photos, built-in extractor", photos, builtin_extractor())


@contextmanager
def enlarged(photos: Sequence[Path], size: tuple[int, int]) -> Iterator[list[Path]]:
    """Provides JPEG files of another size, with the noise of a camera."""
    generator = np.random.default_rng(0)
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(len(photos))]
        for source, path in zip(photos, paths, strict=True):
            large = np.asarray(Image.open(source).convert("RGB").resize(size)).astype(np.int16)
            large += generator.integers(-_NOISE, _NOISE, large.shape, np.int16, endpoint=True)
            Image.fromarray(large.clip(0, 255).astype(np.uint8)).save(path, quality=90)
        yield paths
