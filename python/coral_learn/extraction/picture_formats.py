"""Recognizing picture files: the formats that need another library, and those that are refused."""

import functools
import importlib
import io
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image

from .photo_file import PhotoError, PhotoFile

_HEIF_BRANDS = frozenset(
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"]
)
_AVIF_BRANDS = frozenset([b"avif", b"avis"])
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG_START = b"\xff\xd8\xff"
_EIGHT_BIT_STARTS = (_JPEG_START, b"GIF8", b"BM")
_BITS_PER_SAMPLE = 258
_PNG_START, _PNG_DEPTH_AT = b"\x89PNG\r\n\x1a\n", 24

# A photo that Pillow warns of is refused in this package's own words. A filter for a single call
# would be unsafe in threads; this one comes last, so that a filter of the user's own outranks it.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)

DEEP_PREPROCESSING = b"deep2"
"""The name of the preprocessing of pictures that may have more than eight bits a pixel."""


@contextmanager
def open_photo(content: bytes) -> Iterator[Image.Image]:
    """Opens a picture without decoding it.

    Raises:
        PhotoError: The picture is too large, or it is PostScript, which Pillow would pass to
            Ghostscript to run as a program.
        Exception: The file is broken; Pillow raises many types.
    """
    if _is_heif(content):
        _register_heif()
    try:
        opened = _open_jpeg(content) or Image.open(io.BytesIO(content))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        [count] = re.findall(r"\((\d+) pixels\)", str(error)) or ["too many"]
        raise PhotoError(_too_large(count)) from None
    with opened as image:
        refuse_programs(image)
        check_pixel_count(image.width, image.height)
        yield image


def preprocessing_of(content: bytes) -> bytes:
    """Returns the name of the preprocessing that is special to a kind of picture file.

    Args:
        content: The bytes of the file.

    Returns:
        The name, at most 16 bytes; empty for the common files, whose pixels are bytes.
    """
    if content.startswith(_EIGHT_BIT_STARTS) or content[8:12] == b"WEBP":
        return b""
    if content.startswith(_PNG_START) and content[_PNG_DEPTH_AT : _PNG_DEPTH_AT + 1] < b"\x10":
        return b""
    return DEEP_PREPROCESSING


def is_deep(image: Image.Image) -> bool:
    """Tells whether a picture has whole numbers of more than 8 bits, or floating-point numbers."""
    return image.mode == "F" or image.mode.startswith("I")


def keeps_high_bytes(image: Image.Image, content: bytes) -> bool:
    """Tells whether Pillow drops the low bytes of a color picture of 16 bits."""
    if image.format == "PNG":
        return content[_PNG_DEPTH_AT : _PNG_DEPTH_AT + 1] == b"\x10"
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE)
    return bits is not None and 16 in bits


def significant_bits(content: bytes) -> int | None:
    """Returns the number of significant bits that a gray PNG declares, or None."""
    if not content.startswith(_PNG_START):
        return None
    at = content.find(b"sBIT", 0, max(0, content.find(b"IDAT")))
    bits = content[at + 4] if at > 0 else 0
    return bits if 8 < bits < 16 else None


def unknown_format(photo: PhotoFile) -> str:
    """Returns why Pillow does not know the format of a file."""
    if _is_heif(photo.content) or Path(photo.path).suffix.lower() in (".heic", ".heif", ".avif"):
        name = "AVIF" if _brands(photo.content) & _AVIF_BRANDS else "HEIC"
        return (
            f"pictures in the format {name} cannot be read here: "
            "run `pip install 'coral-learn[heif]'`, or save it as JPEG"
        )
    if photo.content.startswith(_TIFF_STARTS):
        return "Pillow cannot read this kind of TIFF: save it as JPEG, or as PNG"
    return "the file is not a picture that Pillow can read"


def refuse_programs(image: Image.Image) -> None:
    """Refuses a picture that is a program.

    Raises:
        PhotoError: It is PostScript.
    """
    if image.format == "EPS":
        raise PhotoError("PostScript is a program, not a photo: save it as JPEG")


def check_pixel_count(width: int, height: int) -> None:
    """Checks that a picture is not larger than Pillow allows.

    Raises:
        PhotoError: It is too large.
    """
    # Pillow raises an error at twice its limit, but only warns at the limit itself.
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise PhotoError(_too_large(f"{width} x {height}"))


def _open_jpeg(content: bytes) -> Image.Image | None:
    """Opens a JPEG; returns None for anything else.

    ``Image.open`` would first import Pillow's modules for four other formats.
    """
    if not content.startswith(_JPEG_START):
        return None
    from PIL.JpegImagePlugin import jpeg_factory

    with suppress(SyntaxError, IndexError, TypeError, struct.error):  # the types that it suppresses
        return jpeg_factory(io.BytesIO(content))
    return None


def _too_large(pixels: str) -> str:
    limit = Image.MAX_IMAGE_PIXELS
    return f"it has {pixels} pixels, but Pillow allows at most {limit}: make it smaller"


def _brands(content: bytes) -> set[bytes]:
    """Returns the brands of a file in the container of HEIC and AVIF; none for other files."""
    if content[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(content[:4], "big"), 256, len(content))
    return {content[8:12], *(content[at : at + 4] for at in range(16, end, 4))}


def _is_heif(content: bytes) -> bool:
    return bool(_brands(content) & _HEIF_BRANDS)


@functools.cache
def _register_heif() -> None:
    """Lets Pillow read HEIC, if pillow-heif is installed; new releases of Pillow read AVIF."""
    with suppress(ImportError):
        plugin = importlib.import_module("pillow_heif")
        plugin.register_heif_opener()
