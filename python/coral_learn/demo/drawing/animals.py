"""The reef animals of the demo."""

import numpy as np
from numpy.random import Generator

from .outlines import (
    ACCENT,
    BODY,
    DARK,
    Part,
    Subject,
    arc,
    ellipse,
    eye,
    mirrored,
    points,
    polar,
    smooth,
    stroke,
    turned,
)


def fish(rng: Generator) -> list[Part]:
    """Draws a fish from the side: body, forked tail, fins, one eye, and sometimes bars."""
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
    """Draws a crab from the front: wide shell, two claws, legs, and eyes on stalks."""
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
    """Draws a jellyfish from the side: a dome with a wavy rim, and swinging tentacles."""
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
    """Draws a starfish from above: five tapering arms with spots along them."""
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
    """Draws a turtle from above: a shell of plates, four flippers, head and tail."""
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


DEMO_SUBJECTS: dict[str, Subject] = {
    "crab": crab,
    "fish": fish,
    "jellyfish": jellyfish,
    "starfish": starfish,
    "turtle": turtle,
}

DEMO_CLASSES = tuple(DEMO_SUBJECTS)
"""The classes of the demo. The drawn extractor of the tests was not trained on any of them."""
