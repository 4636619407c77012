"""Draws photos of reef animals, for a demo that has no photos to start from.

A thing is a list of parts, each an outline and a paint; a look says how a picture of it is painted:
textures, colours, light, blur and noise. Every choice comes from a generator, so a seed gives the
same picture again, and no choice of the look depends on the thing: colour gives nothing away.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

Points = NDArray[np.float64]
"""[N, 2] x and y, y downwards; a thing fills about -1 to 1 both ways."""

PHOTO_SIZE = 160
_SUPERSAMPLING = 2  # Pillow draws polygons with hard edges: draw larger and reduce

BODY, ACCENT, DARK, LIGHT = range(4)


class Part(NamedTuple):
    """One closed outline of a thing, and which of the look's four paints fills it."""

    outline: Points
    paint: int


Thing = Callable[[Generator], list[Part]]
"""Draws one individual of its kind: the proportions differ from call to call."""


# Outlines


def points(*xy: tuple[float, float]) -> Points:
    """Returns the given points as an outline."""
    return np.array(xy, dtype=np.float64)


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> Points:
    """Returns an ellipse around (x, y), turned by ``angle`` radians."""
    t = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return turned(np.stack([rx * np.cos(t), ry * np.sin(t)], axis=1), angle) + points((x, y))


def polar(radius: Callable[[Points], Points], samples: int = 120) -> Points:
    """Returns the outline at distance ``radius(t)`` from the middle, t from 0 to 2 pi."""
    t = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    outline: Points = radius(t)[:, None] * np.stack([np.sin(t), -np.cos(t)], axis=1)
    return outline


def smooth(corners: Points, rounds: int = 3) -> Points:
    """Rounds the corners of a closed outline (Chaikin's corner cutting)."""
    for _ in range(rounds):
        following = np.roll(corners, -1, axis=0)
        cut = np.stack([0.75 * corners + 0.25 * following, 0.25 * corners + 0.75 * following], 1)
        corners = cut.reshape(-1, 2)
    return corners


def stroke(line: Points, widths: ArrayLike) -> Points:
    """Returns the outline of a brush stroke along ``line``, as wide as ``widths`` from end to end.

    ``widths`` are spread evenly over the line, so two numbers are a taper.
    """
    direction = np.gradient(line, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-9
    given = np.atleast_1d(np.asarray(widths, dtype=np.float64))
    half = 0.5 * np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(given)), given)
    side = half[:, None] * direction[:, ::-1] * (-1, 1)
    return np.concatenate([line + side, (line - side)[::-1]])


def arc(start: tuple[float, float], bend: tuple[float, float], end: tuple[float, float]) -> Points:
    """Returns the quadratic Bezier curve from ``start`` to ``end`` that ``bend`` draws aside."""
    t = np.linspace(0, 1, 12)[:, None]
    a, b, c = points(start), points(bend), points(end)
    curve: Points = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
    return curve


def turned(outline: Points, angle: float) -> Points:
    """Returns ``outline`` turned by ``angle`` radians around the middle."""
    c, s = np.cos(angle), np.sin(angle)
    rotated: Points = outline @ np.array([[c, s], [-s, c]])
    return rotated


def mirrored(outline: Points) -> Points:
    """Returns ``outline`` with left and right exchanged."""
    return outline * (-1, 1)


def eye(x: float, y: float, radius: float) -> list[Part]:
    """Returns a white eye with a dark pupil."""
    return [
        Part(ellipse(x, y, radius, radius), LIGHT),
        Part(ellipse(x, y, 0.55 * radius, 0.55 * radius), DARK),
    ]


# Things


def fish(rng: Generator) -> list[Part]:
    """Side view: body, forked tail, fins, one eye, sometimes bars."""
    height, fork = rng.uniform(0.32, 0.55), rng.uniform(0.3, 0.55)
    tail = points((0.4, 0), (0.95, -fork), (rng.uniform(0.65, 0.85), 0), (0.95, fork))
    dorsal = points((-0.3, -0.7 * height), (0.1, -rng.uniform(1.3, 1.7) * height), (0.45, -0.2))
    belly = points((-0.1, 0.7 * height), (0.2, rng.uniform(1.2, 1.5) * height), (0.35, 0.2))
    body = smooth(
        points((-0.95, 0), (-0.5, -height), (0.1, -height), (0.7, -0.05), (0.7, 0.05),
               (0.1, height), (-0.5, height))
    )  # fmt: skip
    parts = [Part(smooth(fin, 1), ACCENT) for fin in (tail, dorsal, belly)] + [Part(body, BODY)]
    for x in np.linspace(-0.25, 0.25, rng.integers(0, 4)):
        bar = stroke(arc((x, -0.62 * height), (x + 0.1, 0), (x, 0.62 * height)), 0.08)
        parts.append(Part(bar, ACCENT))
    parts.append(Part(smooth(points((-0.2, 0.05), (0.15, 0.02), (0.1, 0.3)), 2), ACCENT))
    return parts + eye(-0.58, -0.25 * height, rng.uniform(0.07, 0.11))


def crab(rng: Generator) -> list[Part]:
    """Front view: wide shell, two claws, legs on both sides, eyes on stalks."""
    width, height = rng.uniform(0.48, 0.6), rng.uniform(0.3, 0.4)
    reach, claw = rng.uniform(0.6, 0.8), rng.uniform(0.2, 0.28)
    right = []
    for y in np.linspace(-0.05, 0.3, rng.integers(3, 5)):
        knee = (width + 0.3, y - rng.uniform(0.05, 0.2))
        leg = arc((0.7 * width, y), knee, (0.95, y + rng.uniform(0.25, 0.45)))
        right.append(Part(stroke(leg, (0.12, 0.04)), ACCENT))
    arm = arc((0.75 * width, -0.1), (width + 0.3, -0.2), (reach, -0.5))
    right.append(Part(stroke(arm, (0.12, 0.16)), BODY))
    opening = rng.uniform(0.35, 0.6)
    mouth = np.linspace(opening, 2 * np.pi - opening, 24)
    pincer = claw * np.stack([0.8 * np.sin(mouth), -1.2 * np.cos(mouth)], axis=1)
    pincer = np.concatenate([pincer, [[0.0, 0.1 * claw]]])
    right.append(Part(turned(pincer, rng.uniform(-0.6, 0.1)) + points((reach, -0.62)), BODY))
    right.append(Part(stroke(points((0.16, -0.2), (0.2, -height - 0.16)), 0.06), BODY))
    shell = [Part(ellipse(0, 0.05, width, height), BODY)]
    shell.append(Part(stroke(arc((-0.2, 0.15), (0, 0.28), (0.2, 0.15)), 0.05), DARK))
    eyes = eye(0.2, -height - 0.18, 0.08) + eye(-0.2, -height - 0.18, 0.08)
    return right + [Part(mirrored(p.outline), p.paint) for p in right] + shell + eyes


def jellyfish(rng: Generator) -> list[Part]:
    """Side view: a dome with a wavy rim, tentacles that swing."""
    width, top = rng.uniform(0.55, 0.8), rng.uniform(0.7, 0.95)
    swing, phase = rng.uniform(0.04, 0.12), rng.uniform(0, 2 * np.pi)
    parts = []
    for x in np.linspace(-0.75, 0.75, rng.integers(4, 8)) * width:
        y = np.linspace(-0.1, rng.uniform(0.6, 1.0), 20)
        line = np.stack([x + swing * np.sin(7 * y + phase) * (y + 0.1) * 2, y], axis=1)
        parts.append(Part(stroke(line, (rng.uniform(0.08, 0.14), 0.03)), ACCENT))
    t = np.linspace(np.pi, 2 * np.pi, 30)
    dome = np.stack([width * np.cos(t), top * np.sin(t)], axis=1)
    x = np.linspace(width, -width, 41)
    scallops = rng.integers(4, 8)
    rim = np.stack([x, 0.08 * np.abs(np.sin(np.pi * scallops * (x / width + 1) / 2))], axis=1)
    parts.append(Part(np.concatenate([dome, rim]), BODY))
    spots = rng.uniform((-0.5 * width, -0.7 * top), (0.5 * width, -0.25 * top), (4, 2))
    shown = spots[: rng.integers(0, 5)]
    return parts + [Part(ellipse(x, y, 0.07, 0.06), ACCENT) for x, y in shown]


def starfish(rng: Generator) -> list[Part]:
    """Top view: five tapering arms, with spots along them."""
    inner, pointed = rng.uniform(0.3, 0.42), rng.uniform(1.2, 2.2)
    bend = rng.normal(0, 0.12, 5)
    body = polar(lambda t: inner + (0.95 - inner) * np.abs(np.cos(2.5 * t)) ** pointed)
    parts = [Part(body, BODY)]
    for arm in range(5):
        for distance in np.linspace(0.25, 0.7, rng.integers(2, 5)):
            spot = ellipse(0, -distance, 0.05, 0.06)
            parts.append(Part(turned(spot, 2 * np.pi * arm / 5 + 0.2 * bend[arm]), ACCENT))
    return [*parts, Part(ellipse(0, 0, 0.09, 0.09), ACCENT)]


def turtle(rng: Generator) -> list[Part]:
    """Top view: a shell of plates, four flippers, head and tail."""
    width, length = rng.uniform(0.42, 0.55), rng.uniform(0.55, 0.68)
    front, back = rng.uniform(-0.3, 0.4, 2)
    flipper = smooth(points((0.25, -0.3), (0.6, -0.6), (0.95, -0.3), (0.6, -0.35), (0.35, -0.15)))
    paddle = smooth(points((0.2, 0.35), (0.5, 0.45), (0.65, 0.85), (0.4, 0.75), (0.15, 0.55)))
    limbs = [turned(flipper, 0.4 * front), turned(paddle, 0.4 * back)]
    head = ellipse(0, -length - 0.15, rng.uniform(0.14, 0.19), 0.22)
    tail = points((-0.08, length - 0.05), (0, length + 0.25), (0.08, length - 0.05))
    parts = [Part(p, ACCENT) for p in (*limbs, *map(mirrored, limbs), head, tail)]
    parts.append(Part(ellipse(0, 0, width, length), BODY))
    plate = polar(lambda t: np.ones_like(t), 6)
    middle, side = plate * (0.32 * width, 0.24 * length), plate * (0.2 * width, 0.2 * length)
    plates = [middle + points((0, y * length)) for y in (-0.55, 0.0, 0.55)]
    plates += [side + points((x * width, y * length)) for x in (-0.62, 0.62) for y in (-0.27, 0.27)]
    parts += [Part(outline, ACCENT) for outline in plates]
    return parts + eye(-0.09, -length - 0.24, 0.04) + eye(0.09, -length - 0.24, 0.04)


DEMO_THINGS: dict[str, Thing] = {
    "crab": crab,
    "fish": fish,
    "jellyfish": jellyfish,
    "starfish": starfish,
    "turtle": turtle,
}

DEMO_CLASSES = tuple(DEMO_THINGS)
"""What the demo draws: none of it was drawn to train the embedded extractor."""


# Looks

Field = NDArray[np.floating[Any] | np.bool_]


def _clouds(u: Field, v: Field, rng: Generator) -> Field:
    """Smooth noise: a few random levels, blown up."""
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
"""How far each pixel is from the first of two colours to the second, 0 to 1, at (u, v)."""


@dataclass(frozen=True)
class Look:
    """How a picture is painted; nothing in it depends on what is painted.

    Attributes:
        background: Texture behind the thing.
        body: Texture of the BODY paint.
        colours: [5, 3] RGB from 0 to 255: two of the background, two of the body, the accent.
    """

    background: str
    body: str
    colours: Points

    @classmethod
    def random(cls, rng: Generator, *, contrast: float) -> "Look":
        """Returns a look with any textures, and colours that can be told apart.

        Args:
            rng: Source of every choice.
            contrast: How far apart the two colours of the background may be, 1 for black and white.
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
    """Returns the one of four random colours that stands out most from ``others``."""
    candidates = rng.uniform(0, 255, (4, 3))
    gaps = np.linalg.norm(candidates[:, None] - np.array(others), axis=2).min(axis=1)
    return np.asarray(candidates[gaps.argmax()])


def _textured(name: str, low: Points, high: Points, size: int, rng: Generator) -> Image.Image:
    """Returns a square of the texture between two colours, at a random angle and zoom."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    angle, zoom = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.5)
    c, s = np.float32(zoom * np.cos(angle)), np.float32(zoom * np.sin(angle))
    u = c * axis[None, :] + s * axis[:, None] + np.float32(rng.uniform(-0.3, 0.3))
    v = c * axis[:, None] - s * axis[None, :]
    share = Image.fromarray((255 * TEXTURES[name](u, v, rng)).astype(np.uint8))
    return Image.composite(_flat(high, size), _flat(low, size), share)


def _flat(colour: Points, size: int) -> Image.Image:
    return Image.new("RGB", (size, size), tuple(map(int, colour)))


# Pictures


def placed(parts: Sequence[Part], rng: Generator, *, scale: float, spread: float) -> list[Part]:
    """Returns the parts somewhere else: mirrored, squeezed, turned, resized and moved.

    Args:
        parts: The parts of one thing.
        rng: Source of every choice.
        scale: How much of the picture the thing takes, 1 for all of it.
        spread: How far from the middle it may lie, 1 for the edge.
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
    """Paints a picture: the parts in order on the look's background, then light, blur and noise.

    Args:
        parts: What to paint.
        look: How to paint it.
        rng: Source of the choices that the look leaves open.
        size: Width and height in pixels.
        behind: A picture of that size to paint on in place of the background.
    """
    back, back2, body, body2, accent = look.colours
    if behind is None:
        picture = _textured(look.background, back, back2, size, rng)
    else:
        picture = behind.copy()
    paints = (
        _textured(look.body, body, body2, size, rng),
        _flat(accent, size),
        _flat(rng.uniform(0, 50, 3), size),
        _flat(rng.uniform(205, 255, 3), size),
    )
    if rng.random() < 0.5:  # a shadow on the ground behind
        shift = tuple(rng.uniform(-0.12, 0.12, 2))
        shadow = _mask([p.outline + shift for p in parts], size)
        shadow = shadow.filter(ImageFilter.BoxBlur(size / 40)).point(lambda value: value * 0.5)
        picture.paste(paints[DARK], mask=shadow)
    for first, last in _runs([p.paint for p in parts]):
        mask = _mask([p.outline for p in parts[first:last]], size)
        picture.paste(paints[parts[first].paint], mask=mask)
    return _photographed(picture, rng)


def _runs(values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields start and end of every run of equal values."""
    starts = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    yield from zip(starts, [*starts[1:], len(values)], strict=True)


def _mask(outlines: Sequence[Points], size: int) -> Image.Image:
    """Returns the inside of the outlines, with soft edges."""
    large = size * _SUPERSAMPLING
    mask = Image.new("L", (large, large))
    draw = ImageDraw.Draw(mask)
    for outline in outlines:
        draw.polygon(((outline + 1) * (large / 2)).ravel().tolist(), fill=255)
    return mask.reduce(_SUPERSAMPLING)


def _photographed(picture: Image.Image, rng: Generator) -> Image.Image:
    """Lights the picture from one side, blurs it a little and adds a sensor's noise."""
    size = picture.width
    picture = picture.filter(ImageFilter.BoxBlur(rng.uniform(0, 0.008) * size))
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = rng.uniform(-0.3, 0.3, 2).astype(np.float32)
    light = np.float32(rng.uniform(0.75, 1.15)) + x * axis[None, :] + y * axis[:, None]
    noise = rng.standard_normal((size, size, 1), np.float32) * np.float32(rng.uniform(1, 10))
    pixels = np.asarray(picture, np.float32) * light[:, :, None] + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def draw_photo(thing: str, rng: Generator, size: int = PHOTO_SIZE) -> Image.Image:
    """Draws a photo of one of DEMO_CLASSES, with bubbles.

    Args:
        thing: One of DEMO_CLASSES.
        rng: Source of every choice; the same state gives the same photo.
        size: Width and height in pixels.

    Raises:
        KeyError: Nothing of that name can be drawn.
    """
    parts = DEMO_THINGS[thing](rng)
    parts = placed(parts, rng, scale=rng.uniform(0.6, 0.95), spread=0.2)
    for x, y, radius in rng.uniform((-1, -1, 0.02), (1, 1, 0.08), (rng.integers(0, 6), 3)):
        parts.append(Part(ellipse(x, y, radius, radius), LIGHT))
    return paint(parts, Look.random(rng, contrast=0.2), rng, size)


def write_photos(
    folder: str | os.PathLike[str], per_class: int = 40, seed: int = 0
) -> Iterator[Path]:
    """Draws photos of every class into ``folder``/<class>/, and yields each path once written.

    A photo depends on ``seed``, its class and its number alone.
    """
    for label, name in enumerate(DEMO_CLASSES):
        (Path(folder) / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            path = Path(folder) / name / f"{name}_{number:03d}.jpg"
            draw_photo(name, np.random.default_rng((seed, label, number))).save(path, quality=90)
            yield path
