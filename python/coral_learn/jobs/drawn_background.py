"""Pictures for the class "none of these", drawn where there are no photos of anything else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from ..dataset.temporary import TemporaryFolder

_SIZE = 224  # pixels
_MAX_SHAPES = 8
_SOURCES = 4  # photos of a puzzle
_CELLS = (3, 4, 6, 8)  # of a puzzle, in each direction
_NOISE_CELLS = (2, 4, 8, 16, 56, _SIZE)


def draw_background(photos: Sequence[Path], count: int) -> TemporaryFolder:
    """Draws pictures: shapes, colors, and puzzles of pieces of the user's photos.

    The same photos give the same pictures.

    Args:
        photos: The photos to take pieces of; those that cannot be read are left out.
        count: The number of pictures.

    Returns:
        The folder with the pictures.

    Raises:
        OSError: The pictures cannot be written.
    """
    folder = TemporaryFolder(Path("drawn"))
    for number in range(count):
        rng = np.random.default_rng(number)
        picture = _draw(number, photos, rng)
        picture.save(folder.path / f"drawn_{number:03d}.png")
    return folder


def _draw(number: int, photos: Sequence[Path], rng: Generator) -> Image.Image:
    match number % 3:
        case 0:
            return _shapes(rng)
        case 1:
            return _colors(rng)
        case _:
            return _puzzle(photos, rng)


def _shapes(rng: Generator) -> Image.Image:
    """Returns ellipses and polygons on a background of colors, a little blurred."""
    picture = _colors(rng)
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, _MAX_SHAPES + 1))):
        center, size = rng.uniform(0, _SIZE, 2), rng.uniform(0.05, 0.35, 2) * _SIZE
        color = tuple(rng.integers(0, 256, 3).tolist())
        if rng.random() < 0.5:
            draw.ellipse([*(center - size), *(center + size)], fill=color)
        else:
            corners = center + rng.uniform(-1, 1, (int(rng.integers(3, 7)), 2)) * size
            draw.polygon(corners.ravel().tolist(), fill=color)
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2)))


def _colors(rng: Generator) -> Image.Image:
    cells = int(rng.choice(_NOISE_CELLS))
    levels = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
    return levels.resize((_SIZE, _SIZE), Image.Resampling.BICUBIC)


def _puzzle(photos: Sequence[Path], rng: Generator) -> Image.Image:
    """Returns pieces of several photos in any order, which show nothing any more."""
    found = [_opened(photos[row]) for row in rng.choice(len(photos), _SOURCES)]
    sources = [each for each in found if each is not None]
    if not sources:
        return _colors(rng)
    side = -(-_SIZE // int(rng.choice(_CELLS)))
    picture = Image.new("RGB", (_SIZE, _SIZE))
    for x in range(0, _SIZE, side):
        for y in range(0, _SIZE, side):
            left, top = rng.integers(0, _SIZE - side, 2).tolist()
            source = sources[rng.integers(len(sources))]
            picture.paste(source.crop((left, top, left + side, top + side)), (x, y))
    return picture


def _opened(path: Path) -> Image.Image | None:
    """Returns a photo as the models see it, or None if it cannot be read."""
    from ..extraction.images import load_image
    from ..extraction.photo_file import PhotoError

    try:
        return Image.fromarray(load_image(path, (_SIZE, _SIZE), "RGB"))
    except PhotoError:
        return None
