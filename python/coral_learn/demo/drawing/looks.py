"""The look of a picture: its textures and colours, which do not depend on the subject."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from .outlines import Points

Field = NDArray[np.floating[Any] | np.bool_]
"""One number for each pixel of a square, [size, size]."""


def _clouds(u: Field, v: Field, rng: Generator) -> Field:
    """Returns smooth noise: a small square of random levels, enlarged."""
    cells = int(rng.integers(3, 12))
    levels = Image.fromarray(rng.integers(0, 256, (cells, cells), dtype=np.uint8))
    return np.asarray(levels.resize(u.shape[::-1], Image.Resampling.BICUBIC), np.float32) / 255


TEXTURES: dict[str, Callable[[Field, Field, Generator], Field]] = {
    "plain": lambda u, v, rng: np.zeros_like(u),
    "shade": lambda u, v, rng: np.clip(0.5 + 0.4 * u, 0, 1),
    "clouds": _clouds,
    "stripes": lambda u, v, rng: 0.5 + 0.5 * np.sin(rng.uniform(9, 30) * u),
    "bands": lambda u, v, rng: np.sin(rng.uniform(6, 24) * u) > 0,
    "waves": lambda u, v, rng: 0.5 + 0.5 * np.sin(14 * u + rng.uniform(1, 3) * np.sin(6 * v)),
    "checks": lambda u, v, rng: np.sin(11 * u) * np.sin(11 * v) > 0,
    "dots": lambda u, v, rng: np.sin(13 * u) * np.sin(13 * v) > 0.5,
    "rings": lambda u, v, rng: 0.5 + 0.5 * np.sin(rng.uniform(10, 25) * np.hypot(u + 0.3, v)),
    "grain": lambda u, v, rng: rng.random(u.shape, np.float32),
}
"""Functions that return the share of the second of two colours, 0 to 1, at (u, v)."""


@dataclass(frozen=True)
class Look:
    """The textures and colours of a picture.

    Attributes:
        background: The texture behind the subject, a key of TEXTURES.
        body: The texture of the BODY paint, a key of TEXTURES.
        colours: RGB from 0 to 255, [5, 3]: two colours for the background, two for the body, one
            for the accent.
    """

    background: str
    body: str
    colours: Points

    @classmethod
    def random(cls, rng: Generator, *, contrast: float) -> "Look":
        """Returns a random look whose colours differ clearly.

        Args:
            rng: The source of every choice.
            contrast: How much the two colours of the background may differ. With 1 they may be
                black and white.
        """
        names = list(TEXTURES)
        background, body = (names[i] for i in rng.integers(0, len(names), 2))
        back = rng.uniform(0, 255, 3)
        front = _far_from([back], rng)
        colours = [
            back,
            (1 - contrast) * back + contrast * rng.uniform(0, 255, 3),
            front,
            0.5 * front + 0.5 * rng.uniform(0, 255, 3),
            _far_from([back, front], rng),
        ]
        return cls(background, body, np.array(colours))


def _far_from(others: Sequence[Points], rng: Generator) -> Points:
    """Returns the one of four random colours that differs most from ``others``."""
    candidates = rng.uniform(0, 255, (4, 3))
    gaps = np.linalg.norm(candidates[:, None] - np.array(others), axis=2).min(axis=1)
    return np.asarray(candidates[gaps.argmax()])


def textured(name: str, low: Points, high: Points, size: int, rng: Generator) -> Image.Image:
    """Returns a square with a texture of two colours, at a random angle and zoom."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    angle, zoom = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.5)
    c, s = np.float32(zoom * np.cos(angle)), np.float32(zoom * np.sin(angle))
    u = c * axis[None, :] + s * axis[:, None] + np.float32(rng.uniform(-0.3, 0.3))
    v = c * axis[:, None] - s * axis[None, :]
    share = Image.fromarray((255 * TEXTURES[name](u, v, rng)).astype(np.uint8))
    return Image.composite(flat(high, size), flat(low, size), share)


def flat(colour: Points, size: int) -> Image.Image:
    """Returns a square of one colour."""
    return Image.new("RGB", (size, size), tuple(map(int, colour)))
