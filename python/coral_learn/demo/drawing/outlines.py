"""Outlines of the parts of a picture: basic shapes, and ways to change them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
"""x and y of N points, [N, 2]; y points downwards. A subject fills about -1 to 1 in both."""

BODY, ACCENT, DARK, LIGHT = range(4)
"""The four paints of a picture."""


class Part(NamedTuple):
    """A part of a subject.

    Attributes:
        outline: The closed outline of the part.
        paint: BODY, ACCENT, DARK or LIGHT.
    """

    outline: Points
    paint: int


Subject = Callable[[Generator], list[Part]]
"""Draws one individual of a kind; its proportions differ from call to call."""


def points(*xy: tuple[float, float]) -> Points:
    """Returns the given points as an outline."""
    return np.array(xy, dtype=np.float64)


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> Points:
    """Returns an ellipse around (x, y), turned by ``angle`` radians."""
    t = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return turned(np.stack([rx * np.cos(t), ry * np.sin(t)], axis=1), angle) + points((x, y))


def polar(radius: Callable[[Points], Points], samples: int = 120) -> Points:
    """Returns the outline at distance ``radius(t)`` from the center, for t from 0 to 2 pi."""
    t = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    outline: Points = radius(t)[:, None] * np.stack([np.sin(t), -np.cos(t)], axis=1)
    return outline


def smooth(corners: Points, rounds: int = 3) -> Points:
    """Returns a closed outline with round corners (Chaikin's corner cutting)."""
    for _ in range(rounds):
        following = np.roll(corners, -1, axis=0)
        cut = np.stack([0.75 * corners + 0.25 * following, 0.25 * corners + 0.75 * following], 1)
        corners = cut.reshape(-1, 2)
    return corners


def stroke(line: Points, widths: ArrayLike) -> Points:
    """Returns the outline of a brush stroke along a line.

    Args:
        line: The points of the line, [N, 2].
        widths: Widths of the stroke at evenly spaced places from start to end. Two widths make a
            taper.
    """
    direction = np.gradient(line, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-9
    given = np.atleast_1d(np.asarray(widths, dtype=np.float64))
    half = 0.5 * np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(given)), given)
    side = half[:, None] * direction[:, ::-1] * (-1, 1)
    return np.concatenate([line + side, (line - side)[::-1]])


def arc(start: tuple[float, float], bend: tuple[float, float], end: tuple[float, float]) -> Points:
    """Returns the quadratic Bezier curve from ``start`` to ``end`` with control point ``bend``."""
    t = np.linspace(0, 1, 12)[:, None]
    a, b, c = points(start), points(bend), points(end)
    curve: Points = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
    return curve


def turned(outline: Points, angle: float) -> Points:
    """Returns ``outline`` turned by ``angle`` radians around the center."""
    c, s = np.cos(angle), np.sin(angle)
    rotated: Points = outline @ np.array([[c, s], [-s, c]])
    return rotated


def mirrored(outline: Points) -> Points:
    """Returns ``outline`` with left and right swapped."""
    return outline * (-1, 1)


def eye(x: float, y: float, radius: float) -> list[Part]:
    """Returns a white eye with a dark pupil."""
    return [
        Part(ellipse(x, y, radius, radius), LIGHT),
        Part(ellipse(x, y, 0.55 * radius, 0.55 * radius), DARK),
    ]
