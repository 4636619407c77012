"""Draws photos of reef animals, for a demo that needs no photos of its own.

A subject is a list of parts, each an outline and a paint. A look says how a picture of it is
painted: textures and colours. Every choice comes from a random generator, so the same seed gives
the same picture. The look never depends on the subject, so colours do not reveal the class.
"""

from .animals import DEMO_CLASSES, DEMO_SUBJECTS
from .looks import TEXTURES, Look
from .outlines import (
    ACCENT,
    BODY,
    DARK,
    LIGHT,
    Part,
    Points,
    Subject,
    ellipse,
    eye,
    mirrored,
    points,
    polar,
    smooth,
    stroke,
    turned,
)
from .painting import paint, placed
from .photos import draw_photo, write_photos

__all__ = [
    "ACCENT",
    "BODY",
    "DARK",
    "DEMO_CLASSES",
    "DEMO_SUBJECTS",
    "LIGHT",
    "TEXTURES",
    "Look",
    "Part",
    "Points",
    "Subject",
    "draw_photo",
    "ellipse",
    "eye",
    "mirrored",
    "paint",
    "placed",
    "points",
    "polar",
    "smooth",
    "stroke",
    "turned",
    "write_photos",
]
