"""Resizing images."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ResamplingWithOriginalRatio", "resampling_with_original_ratio"]


def resampling_with_original_ratio(
    img: "Image", required_size: tuple[int, int], sample: int
) -> tuple["Image", tuple[float, float]]:
    """Resizes an image to fit, and pads it with black at the right or at the bottom.

    Args:
        img: The image.
        required_size: The size of the result, (width, height).
        sample: Pillow's filter for resizing.

    Returns:
        The padded image, and the part of it that the image covers, horizontally and vertically.
    """
    from PIL import ImageOps

    width, height = required_size
    ratio = min(width / img.size[0], height / img.size[1])
    new_width, new_height = int(img.size[0] * ratio), int(img.size[1] * ratio)
    resized = img.resize((new_width, new_height), sample)
    padded = ImageOps.expand(resized, (0, 0, width - new_width, height - new_height))
    return padded, (new_width / width, new_height / height)


ResamplingWithOriginalRatio = resampling_with_original_ratio
