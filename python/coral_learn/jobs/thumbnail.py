"""Small versions of photos, as text that a web page can hold."""

import base64
import io
from pathlib import Path

from PIL import ImageOps

from ..extraction.deep_pictures import to_gray_bytes
from ..extraction.photo_file import PhotoError, read_photo
from ..extraction.picture_formats import is_deep, open_photo

_SIZE = 160  # pixels, enough for screens with two pixels per CSS pixel


def thumbnail(path: Path) -> str:
    """Returns a small JPEG of a photo as a data URL, or "" if the photo cannot be read."""
    try:
        content = read_photo(path).content
    except PhotoError:
        return ""
    try:
        with open_photo(content) as photo:
            photo.draft("RGB", (_SIZE, _SIZE))
            shown = to_gray_bytes(photo).image if is_deep(photo) else photo
            small = ImageOps.exif_transpose(shown).convert("RGB")
        small.thumbnail((_SIZE, _SIZE))
    except Exception:  # Pillow raises many types of errors for a damaged file
        return ""
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
