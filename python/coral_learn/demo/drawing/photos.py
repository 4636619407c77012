"""Photos of the demo's animals, as images or as files."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image

from .animals import DEMO_CLASSES, DEMO_SUBJECTS
from .looks import Look
from .outlines import LIGHT, Part, ellipse
from .painting import paint, placed

PHOTO_SIZE = 160


def draw_photo(name: str, rng: Generator, size: int = PHOTO_SIZE) -> Image.Image:
    """Draws a photo of one animal, with bubbles.

    Args:
        name: The class of the animal, one of DEMO_CLASSES.
        rng: The source of every choice; the same state gives the same photo.
        size: The width and height in pixels.

    Raises:
        KeyError: There is no class of this name.
    """
    parts = DEMO_SUBJECTS[name](rng)
    parts = placed(parts, rng, scale=rng.uniform(0.6, 0.95), spread=0.2)
    for x, y, radius in rng.uniform((-1, -1, 0.02), (1, 1, 0.08), (rng.integers(0, 6), 3)):
        parts.append(Part(ellipse(x, y, radius, radius), LIGHT))
    return paint(parts, Look.random(rng, contrast=0.2), rng, size)


def write_photos(
    folder: str | os.PathLike[str], per_class: int = 40, seed: int = 0
) -> Iterator[Path]:
    """Draws photos of every class into ``folder``/<class>/.

    A photo depends only on ``seed``, its class and its number.

    Args:
        folder: The folder for the photos, created if it does not exist.
        per_class: The number of photos of each class.
        seed: The seed of every choice.

    Yields:
        The path of each photo, as soon as it is written.

    Raises:
        OSError: A photo cannot be written.
    """
    for label, name in enumerate(DEMO_CLASSES):
        (Path(folder) / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            path = Path(folder) / name / f"{name}_{number:03d}.jpg"
            draw_photo(name, np.random.default_rng((seed, label, number))).save(path, quality=90)
            yield path
