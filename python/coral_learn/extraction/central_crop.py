"""The center of a photo in the shape of a model's input."""

from typing import NamedTuple

# Where a stored picture is mirrored to be turned upright, by its EXIF orientation.
_MIRRORED_ACROSS = frozenset({2, 3, 7, 8})
_MIRRORED_DOWN = frozenset({3, 4, 6, 7})


class Box(NamedTuple):
    """A part of a picture, in pixels from its upper left corner."""

    left: int
    upper: int
    right: int
    lower: int


def central_box(picture: tuple[int, int], shape: tuple[int, int], orientation: int = 1) -> Box:
    """Returns the largest central part of a picture that has a shape.

    If the margins cannot be equal, the left and the upper one are smaller in the upright picture.

    Args:
        picture: Width and height of the picture as it is stored.
        shape: Width and height of the shape, turned as the picture is.
        orientation: The EXIF orientation of the picture.
    """
    width, height = _largest(picture, shape)
    left = (picture[0] - width + (orientation in _MIRRORED_ACROSS)) // 2
    upper = (picture[1] - height + (orientation in _MIRRORED_DOWN)) // 2
    return Box(left, upper, left + width, upper + height)


def size_around(picture: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int]:
    """Returns the size of a reduced picture whose central part still has all pixels of a shape.

    Args:
        picture: Width and height of the picture.
        shape: Width and height that the central part should have at least.
    """
    width, height = _largest(picture, shape)
    return -(-shape[0] * picture[0] // width), -(-shape[1] * picture[1] // height)


def _largest(picture: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int]:
    """Returns the size of the largest part of a picture that has a shape: at least one pixel."""
    width = min(picture[0], picture[1] * shape[0] // shape[1])
    height = min(picture[1], picture[0] * shape[1] // shape[0])
    return max(1, width), max(1, height)
