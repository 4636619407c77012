"""Small versions of photos."""

import base64
import io
from pathlib import Path

from PIL import ImageOps

from ..extraction.deep_pictures import to_gray_bytes
from ..extraction.photo_file import read_photo
from ..extraction.picture_formats import is_deep, open_photo

_SIZE = 160  # pixels, enough for screens with two pixels per CSS pixel


def thumbnail(path: Path) -> str:
    """Returns a small JPEG of a photo as a data URL, or "" if the photo cannot be read."""
    try:
        picture = small_jpeg(read_photo(path).content, _SIZE)
    except Exception:  # Pillow raises many types of errors for a damaged file
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode()


def small_jpeg(content: bytes, size: int) -> bytes:
    """Returns a small JPEG of a photo.

    Args:
        content: The photo's file.
        size: The longer side, in pixels.

    Raises:
        Exception: The photo cannot be read; Pillow raises many types.
    """
    with open_photo(content) as photo:
        photo.draft("RGB", (size, size))
        shown = to_gray_bytes(photo).image if is_deep(photo) else photo
        small = ImageOps.exif_transpose(shown).convert("RGB")
    small.thumbnail((size, size))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
