"""The training pictures of the drawn extractor: a few hundred kinds of imaginary objects.

Most kinds are generated: the kind's number seeds its plan (number, length and position of limbs),
and every individual drawn from the plan differs a little. A picture shows one or more individuals
of a kind in a random look; the network learns to predict the kind and the look.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from coral_learn.demo.drawing import (
    ACCENT,
    BODY,
    DARK,
    LIGHT,
    TEXTURES,
    Look,
    Part,
    Points,
    Subject,
    ellipse,
    eye,
    mirrored,
    paint,
    placed,
    points,
    polar,
    smooth,
    stroke,
    turned,
)

PICTURE_SIZE = 96


class Picture(NamedTuple):
    """A training picture and its labels.

    Attributes:
        pixels: The pixels, uint8 [96, 96, 3].
        kind: The index of the kind in KINDS.
        background: The index of the background's texture in TEXTURES.
        body: The index of the body's texture in TEXTURES.
        crowd: 0 for one individual, 1 for a few, 2 for many.
    """

    pixels: NDArray[np.uint8]
    kind: int
    background: int
    body: int
    crowd: int


def _jitter(rng: Generator, value: float, amount: float = 0.1) -> float:
    return float(value * (1 + amount * rng.standard_normal()))


# Kinds with a name


def _polygon(corners: int) -> Subject:
    def draw(rng: Generator) -> list[Part]:
        outline = polar(lambda t: np.full_like(t, 0.85), corners)
        return [Part(outline + rng.normal(0, 0.03, outline.shape), BODY)]

    return draw


def _star(arms: int) -> Subject:
    def draw(rng: Generator) -> list[Part]:
        inner = rng.uniform(0.3, 0.5)
        outline = polar(lambda t: np.where(np.arange(2 * arms) % 2, inner, 0.95), 2 * arms)
        return [Part(outline, BODY)]

    return draw


def _gear(rng: Generator) -> list[Part]:
    teeth = rng.integers(7, 14)
    outline = polar(lambda t: 0.75 + 0.12 * np.sign(np.sin(teeth * t)), 240)
    return [Part(outline, BODY), Part(ellipse(0, 0, 0.25, 0.25), ACCENT)]


def _ring(rng: Generator) -> list[Part]:
    hole = rng.uniform(0.4, 0.7)
    return [Part(ellipse(0, 0, 0.9, 0.9), BODY), Part(ellipse(0, 0, hole, hole), ACCENT)]


def _target(rng: Generator) -> list[Part]:
    radii = np.linspace(0.9, 0.15, rng.integers(4, 7))
    return [Part(ellipse(0, 0, r, r), (BODY, ACCENT)[i % 2]) for i, r in enumerate(radii)]


def _heart(rng: Generator) -> list[Part]:
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    outline = np.stack([16 * np.sin(t), -_jitter(rng, 1) * y], axis=1)
    return [Part(outline / 18, BODY)]


def _crescent(rng: Generator) -> list[Part]:
    t, depth = np.linspace(0.6, 2 * np.pi - 0.6, 40), rng.uniform(0.1, 0.5)
    outer = np.stack([np.cos(t), np.sin(t)], axis=1)
    return [Part(0.9 * np.concatenate([outer, outer[::-1] * (depth, 0.85)]), BODY)]


def _cross(rng: Generator) -> list[Part]:
    width = rng.uniform(0.3, 0.55)
    return [
        Part(stroke(points((-0.9, 0), (0.9, 0)), width), BODY),
        Part(stroke(points((0, -0.9), (0, 0.9)), width), BODY),
    ]


def _arrow(rng: Generator) -> list[Part]:
    neck = rng.uniform(-0.2, 0.3)
    head = points((0.9, 0), (neck, -0.6), (neck, 0.6))
    return [Part(stroke(points((-0.9, 0), (neck + 0.1, 0)), 0.3), BODY), Part(head, BODY)]


def _spiral(rng: Generator) -> list[Part]:
    t = np.linspace(0.5, rng.uniform(2, 3.5) * 2 * np.pi, 90)
    line = 0.9 * (t / t[-1] * np.stack([np.cos(t), np.sin(t)])).T
    return [Part(stroke(line, (0.06, rng.uniform(0.12, 0.2))), BODY)]


def _bolt(rng: Generator) -> list[Part]:
    outline = points((0.2, -0.95), (-0.5, 0.1), (0, 0.1), (-0.2, 0.95), (0.5, -0.2), (0.05, -0.2))
    return [Part(outline + rng.normal(0, 0.04, outline.shape), BODY)]


def _drop(rng: Generator) -> list[Part]:
    width = rng.uniform(0.5, 0.7)
    outline = points((0, -0.95), (-width, 0.2), (-width, 0.85), (width, 0.85), (width, 0.2))
    return [Part(smooth(outline), BODY)]


def _house(rng: Generator) -> list[Part]:
    width, eaves = rng.uniform(0.45, 0.75), rng.uniform(-0.3, 0.1)
    door = points((-0.12, 0.85), (-0.12, 0.35), (0.12, 0.35), (0.12, 0.85))
    walls = points((-width, 0.85), (-width, eaves), (width, eaves), (width, 0.85))
    roof = points((-width - 0.15, eaves), (0, -0.85), (width + 0.15, eaves))
    return [Part(walls, BODY), Part(roof, ACCENT), Part(door, DARK)]


def _boat(rng: Generator) -> list[Part]:
    mast = rng.uniform(-0.2, 0.2)
    hull = points((-0.9, 0.4), (0.9, 0.4), (0.6, 0.8), (-0.6, 0.8))
    return [
        Part(stroke(points((mast, -0.9), (mast, 0.45)), 0.06), DARK),
        Part(points((mast + 0.06, -0.85), (mast + 0.06, 0.25), (0.8, 0.25)), ACCENT),
        Part(points((mast - 0.06, -0.6), (mast - 0.06, 0.25), (-0.7, 0.25)), LIGHT),
        Part(hull, BODY),
    ]


def _bottle(rng: Generator) -> list[Part]:
    width, neck = rng.uniform(0.3, 0.5), rng.uniform(0.1, 0.18)
    outline = points(
        (-neck, -0.95), (neck, -0.95), (neck, -0.4), (width, -0.1), (width, 0.9),
        (-width, 0.9), (-width, -0.1), (-neck, -0.4),
    )  # fmt: skip
    label = points((-width, 0.15), (width, 0.15), (width, 0.6), (-width, 0.6))
    return [Part(outline, BODY), Part(label, ACCENT)]


def _mushroom(rng: Generator) -> list[Part]:
    t = np.linspace(np.pi, 2 * np.pi, 30)
    height = rng.uniform(0.6, 0.9)
    cap = np.stack([0.9 * np.cos(t), height * np.sin(t)], axis=1)
    stalk = stroke(points((0, -0.1), (0, 0.9)), (0.3, rng.uniform(0.3, 0.5)))
    return [Part(stalk, LIGHT), Part(cap, BODY)] + [
        Part(ellipse(x, y * height, 0.12, 0.1), ACCENT)
        for x, y in rng.uniform((-0.5, -0.7), (0.5, -0.2), (rng.integers(2, 6), 2))
    ]


def _grid(rng: Generator) -> list[Part]:
    lines = np.linspace(-0.85, 0.85, rng.integers(3, 6))
    bars = [points((-0.9, y), (0.9, y)) for y in lines]
    return [Part(stroke(b, 0.12), BODY) for b in (*bars, *(b[:, ::-1] for b in bars))]


# Families of generated kinds: the kind's number gives a plan, and the plan gives individuals


def _blob(plan: Generator) -> Subject:
    """Makes a kind with an outline of a few random waves."""
    waves = np.arange(2, 8)
    heights = plan.standard_normal(6) * 0.5 / waves**0.7
    phases = plan.uniform(0, 2 * np.pi, 6)
    marks = plan.integers(0, 4)

    def draw(rng: Generator) -> list[Part]:
        high = heights * (1 + 0.12 * rng.standard_normal(6))
        moved = phases + 0.08 * rng.standard_normal(6)
        outline = polar(
            lambda t: np.maximum(1 + high @ np.sin(np.outer(waves, t) + moved[:, None]), 0.15)
        )
        outline *= 0.9 / np.abs(outline).max()
        spots = rng.uniform(-0.3, 0.3, (marks, 2))
        return [Part(outline, BODY)] + [Part(ellipse(x, y, 0.1, 0.1), ACCENT) for x, y in spots]

    return draw


def _creature(plan: Generator) -> Subject:
    """Makes a kind with a body, pairs of limbs, and perhaps a head, eyes, bars or spots."""
    rx, ry, power = plan.uniform(0.25, 0.65), plan.uniform(0.25, 0.65), plan.uniform(0.6, 1.6)
    limbs = [
        (plan.integers(3), plan.uniform(-1.5, 1.5), plan.uniform(0.2, 0.6), plan.uniform(0.1, 0.3),
         plan.uniform(-1.2, 1.2), plan.choice([BODY, ACCENT, DARK]), bool(plan.random() < 0.4))
        for _ in range(plan.integers(1, 5))
    ]  # fmt: skip
    head, eyes, marks = plan.uniform(-0.2, 0.3), plan.integers(0, 3), plan.integers(0, 3)

    def draw(rng: Generator) -> list[Part]:
        w, h = _jitter(rng, rx), _jitter(rng, ry)
        t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        c, s = np.cos(t), np.sin(t)
        body = np.stack(
            [w * np.sign(c) * np.abs(c) ** power, h * np.sign(s) * np.abs(s) ** power], axis=1
        )
        behind: list[Part] = []
        front: list[Part] = []
        for form, where, length, width, lean, colour, on_top in limbs:
            at, far = where + rng.normal(0, 0.08), _jitter(rng, length)
            root = points((0.85 * w * np.cos(at), 0.85 * h * np.sin(at)))
            out = turned(points((1.0, 0.0)), at + lean + rng.normal(0, 0.08))
            line = root + np.linspace(0, far, 10)[:, None] * out
            line = line + np.linspace(0, 0.25, 10)[:, None] ** 2 * out[:, ::-1] * (-1, 1)
            widths = ((width, 0.03), (0.04, width), (0.05, 1.3 * width, 0.05))[form]
            outline = stroke(line, widths)
            (front if on_top else behind).extend(
                (Part(outline, colour), Part(mirrored(outline), colour))
            )
        parts = [*behind, Part(body, BODY)]
        if head > 0:
            parts.append(Part(ellipse(0, -h - 0.5 * head, head, _jitter(rng, head)), BODY))
        if marks == 1:
            parts += [
                Part(stroke(points((-0.7 * w, y * h), (0.7 * w, y * h)), 0.09), ACCENT)
                for y in np.linspace(-0.5, 0.5, rng.integers(2, 4))
            ]
        elif marks == 2:
            parts += [
                Part(ellipse(x * w, y * h, 0.08, 0.08), ACCENT)
                for x, y in rng.uniform(-0.6, 0.6, (rng.integers(3, 7), 2))
            ]
        parts += front
        y = -h - 0.5 * max(head, 0)
        if eyes == 1:
            parts += eye(0, y + 0.1, 0.1)
        elif eyes == 2:
            parts += eye(-0.12, y, 0.08) + eye(0.12, y, 0.08)
        return _fitted(parts)

    return draw


def _glyph(plan: Generator) -> Subject:
    """Makes a kind of a few brush strokes, like a letter of an unknown alphabet."""
    strokes = [plan.uniform(-0.85, 0.85, (4, 2)) for _ in range(plan.integers(2, 4))]
    width = plan.uniform(0.1, 0.22)

    def draw(rng: Generator) -> list[Part]:
        t = np.linspace(0, 1, 24)[:, None]
        basis = np.concatenate(
            [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1
        )
        pen = _jitter(rng, width)
        return [
            Part(stroke(basis @ (s + rng.normal(0, 0.05, s.shape)), pen), BODY) for s in strokes
        ]

    return draw


def _plant(plan: Generator) -> Subject:
    """Makes a kind with a stem that branches, with or without leaves."""
    spread, shrink = plan.uniform(0.25, 0.9), plan.uniform(0.55, 0.8)
    branches, leaf = plan.integers(2, 4), plan.uniform(-0.1, 0.2)
    lopsided = plan.uniform(-0.3, 0.3)

    def draw(rng: Generator) -> list[Part]:
        stems: list[Part] = []
        leaves: list[Part] = []

        def grow(root: Points, angle: float, length: float, depth: int) -> None:
            tip = root + length * np.array([np.sin(angle), -np.cos(angle)])
            line = np.linspace(root, tip, 4)
            stems.append(Part(stroke(line, (0.16 * length, 0.1 * length)), BODY))
            if depth == 0:
                if leaf > 0:
                    leaves.append(Part(ellipse(tip[0], tip[1], leaf, 0.6 * leaf, angle), ACCENT))
                return
            for turn in np.linspace(-spread, spread, branches):
                lean = angle + lopsided + turn + rng.normal(0, 0.1)
                grow(tip, lean, _jitter(rng, shrink * length), depth - 1)

        grow(np.array([0.0, 0.9]), 0.0, 0.7, 3)
        return _fitted(stems + leaves)

    return draw


def _rosette(plan: Generator) -> Subject:
    """Makes a kind with petals around a center, in one or two rings."""
    petals, rings = plan.choice([4, 6, 7, 8, 10, 12, 16, 20]), plan.integers(1, 3)
    width, tip, middle = plan.uniform(0.5, 1.6), plan.uniform(0.02, 1), plan.uniform(0.1, 0.4)
    centre = plan.choice([ACCENT, DARK, LIGHT])

    def draw(rng: Generator) -> list[Part]:
        parts = []
        for ring in range(rings):
            length, half = 0.95 * 0.65**ring, 0.5 * width * np.pi / petals
            petal = smooth(
                points((0, 0), (-half, -0.6), (-tip * half, -1), (tip * half, -1), (half, -0.6)), 2
            )
            for i in range(petals):
                angle = (i + 0.5 * ring) * 2 * np.pi / petals + rng.normal(0, 0.05)
                colour = ACCENT if (ring + i) % 2 and rings == 2 else BODY
                parts.append(Part(turned(petal * _jitter(rng, length, 0.04), angle), colour))
        size = _jitter(rng, middle)
        return [*parts, Part(ellipse(0, 0, size, size), centre)]

    return draw


def _fitted(parts: list[Part]) -> list[Part]:
    """Moves and scales the parts to fill about -0.95 to 0.95."""
    every = np.concatenate([p.outline for p in parts])
    low, high = every.min(axis=0), every.max(axis=0)
    scale = 1.9 / (high - low).max()
    return [Part((p.outline - (low + high) / 2) * scale, p.paint) for p in parts]


def _family(name: str, count: int, make: Callable[[Generator], Subject]) -> dict[str, Subject]:
    seed = int.from_bytes(name.encode(), "big")
    return {f"{name}_{k}": make(np.random.default_rng((seed, k))) for k in range(count)}


KINDS: dict[str, Subject] = {
    **{f"polygon_{n}": _polygon(n) for n in (3, 4, 5, 6)},
    **{f"star_{n}": _star(n) for n in (3, 4, 6, 8, 12)},  # five arms are the demo's
    **{
        make.__name__[1:]: make
        for make in (
            _gear, _ring, _target, _heart, _crescent, _cross, _arrow, _spiral, _bolt, _drop,
            _house, _boat, _bottle, _mushroom, _grid,
        )
    },
    **_family("blob", 56, _blob),
    **_family("creature", 104, _creature),
    **_family("glyph", 32, _glyph),
    **_family("plant", 32, _plant),
    **_family("rosette", 40, _rosette),
}  # fmt: skip
"""Every kind that the extractor learns to predict; none of them is in the demo."""

_CROWDS = ((1, 2), (2, 5), (6, 14))
_CLUTTERED = 0.2
_CONTRAST = 0.4


def draw_picture(seed: int, number: int) -> Picture:
    """Draws training picture ``number``; the kinds take turns, and everything else is random."""
    rng = np.random.default_rng((seed, number))
    kinds = list(KINDS.values())
    kind = number % len(kinds)
    crowd = int(rng.choice(3, p=(0.7, 0.2, 0.1)))
    largest = (1.0, 0.55, 0.35)[crowd]
    parts: list[Part] = []
    for _ in range(rng.integers(*_CROWDS[crowd])):
        scale = largest * rng.uniform(0.5, 1)
        parts += placed(kinds[kind](rng), rng, scale=scale, spread=1.05 - 0.8 * scale)
    look = ground = Look.random(rng, contrast=_CONTRAST)
    behind = None
    if rng.random() < _CLUTTERED:
        ground = Look.random(rng, contrast=_CONTRAST)
        behind = paint(_clutter(rng), ground, rng, PICTURE_SIZE)
    picture = paint(parts, look, rng, PICTURE_SIZE, behind)
    names = list(TEXTURES)
    return Picture(
        np.asarray(picture), kind, names.index(ground.background), names.index(look.body), crowd
    )


def _clutter(rng: Generator) -> list[Part]:
    """Draws leaves, stones and sticks of any size, on top of each other."""
    parts = []
    for _ in range(rng.integers(3, 12)):
        width, length = rng.uniform(0.05, 0.5), rng.uniform(0.1, 0.6)
        x, y, angle = rng.uniform((-1, -1, 0), (1, 1, 2 * np.pi))
        outline = ellipse(x, y, width, length, angle)
        corners = int(rng.choice((2, 4, 7)))  # the interval of the points that are kept
        parts.append(Part(outline[::corners], int(rng.integers(4))))
    return parts
