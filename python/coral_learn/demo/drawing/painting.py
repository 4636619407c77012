"""Painting a picture from the parts of its subject and a look."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from .looks import Look, flat, textured
from .outlines import DARK, Part, Points, turned

_SUPERSAMPLING = 2  # Pillow draws polygons with hard edges, so draw larger and reduce


def placed(parts: Sequence[Part], rng: Generator, *, scale: float, spread: float) -> list[Part]:
    """Places a subject at random: mirrors, squeezes, turns, resizes and moves its parts.

    Args:
        parts: The parts of the subject.
        rng: The source of every choice.
        scale: The size of the subject; 1 fills the picture.
        spread: The largest distance from the center; 1 is the edge of the picture.
    """
    squeeze = (rng.choice((-1.0, 1.0)) * rng.uniform(0.85, 1.15), rng.uniform(0.85, 1.15))
    angle, offset = rng.normal(0, 0.5), rng.uniform(-spread, spread, 2)
    return [Part(turned(p.outline * squeeze, angle) * scale + offset, p.paint) for p in parts]


def paint(
    parts: Sequence[Part],
    look: Look,
    rng: Generator,
    size: int,
    behind: Image.Image | None = None,
) -> Image.Image:
    """Paints the parts in order on the background, then adds light, blur and noise.

    Args:
        parts: The parts of the subjects.
        look: The textures and colours.
        rng: The source of the choices that the look leaves open.
        size: The width and height in pixels.
        behind: A picture of this size to use as the background. By default the background is
            painted with the texture of the look.
    """
    back, back2, body, body2, accent = look.colours
    picture = behind.copy() if behind else textured(look.background, back, back2, size, rng)
    paints = (
        textured(look.body, body, body2, size, rng),
        flat(accent, size),
        flat(rng.uniform(0, 50, 3), size),
        flat(rng.uniform(205, 255, 3), size),
    )
    if rng.random() < 0.5:  # a shadow on the background
        shift = tuple(rng.uniform(-0.12, 0.12, 2))
        shadow = _mask([p.outline + shift for p in parts], size)
        shadow = shadow.filter(ImageFilter.BoxBlur(size / 40)).point(lambda value: value * 0.5)
        picture.paste(paints[DARK], mask=shadow)
    for first, last in _runs([p.paint for p in parts]):
        mask = _mask([p.outline for p in parts[first:last]], size)
        picture.paste(paints[parts[first].paint], mask=mask)
    return _photographed(picture, rng)


def _runs(values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields the start and end of every run of equal values."""
    starts = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    yield from zip(starts, [*starts[1:], len(values)], strict=True)


def _mask(outlines: Sequence[Points], size: int) -> Image.Image:
    """Returns a mask of the inside of the outlines, with soft edges."""
    large = size * _SUPERSAMPLING
    mask = Image.new("L", (large, large))
    draw = ImageDraw.Draw(mask)
    for outline in outlines:
        draw.polygon(((outline + 1) * (large / 2)).ravel().tolist(), fill=255)
    return mask.reduce(_SUPERSAMPLING)


def _photographed(picture: Image.Image, rng: Generator) -> Image.Image:
    """Lights the picture from one side, blurs it slightly and adds sensor noise."""
    size = picture.width
    picture = picture.filter(ImageFilter.BoxBlur(rng.uniform(0, 0.008) * size))
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = rng.uniform(-0.3, 0.3, 2).astype(np.float32)
    light = np.float32(rng.uniform(0.75, 1.15)) + x * axis[None, :] + y * axis[:, None]
    noise = rng.standard_normal((size, size, 1), np.float32) * np.float32(rng.uniform(1, 10))
    pixels = np.asarray(picture, np.float32) * light[:, :, None] + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
