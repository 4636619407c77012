"""Decoding photos: any picture that Pillow reads becomes an RGB array of the model's input size.

Training, classification and evaluation all call :func:`load_image`, so that a retrained model sees
a photo exactly as it did in training.
"""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .photo_file import PhotoError, PhotoFile, read_photo

ImageSource = str | os.PathLike[str] | Image.Image | NDArray[Any]
"""A photo: the path of a file, a PIL image, or pixels as uint8 [h, w], [h, w, 1], [h, w, 3] (RGB)
or [h, w, 4] (RGBA)."""

# BOX averages the pixels under each target pixel. NEAREST skips them, which costs 2 to 3 points of
# accuracy on photos from a camera; BILINEAR and HAMMING take longer and are no more accurate.
_FILTER = Image.Resampling.BOX

PREPROCESSING = "rgb-white-box-draft1"
"""The name of the preprocessing in :func:`load_image`. It changes whenever the pixels change, so
that the embedding cache does not mix the two."""

_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})

_LARGE_PHOTO_PIXELS = 16_000_000
_NO_MEMORY = "there is not enough memory for this photo: make it smaller"
_DAMAGED = "the photo is damaged or not supported"

# A PIL image decodes itself on first use, which is not safe in two threads at once, and a caller
# may pass the same image twice. Files need no lock because this module opens them for each use.
_callers_image = threading.Lock()

# A file of one megabyte can hold 90 million pixels, and converting them to RGB takes up to 16 bytes
# for each. Several such photos at once would not fit into the memory of a small computer.
_one_large_photo = threading.Lock()


def load_image(image: ImageSource | PhotoFile, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Returns a photo as the RGB pixels of a model's input.

    The photo is turned upright by its EXIF orientation and stretched to ``size``, as in Coral's
    tutorial. Transparent areas become white, 16-bit gray keeps its high byte, and an animation is
    represented by its first frame. A large JPEG is decoded at a reduced size, but never below
    ``size``.

    Args:
        image: A path, a PIL image or an array; see :data:`ImageSource`. It is never modified.
        size: Width and height in pixels.

    Returns:
        The pixels, uint8 of shape [height, width, 3].

    Raises:
        PhotoError: The photo cannot be read or decoded, or the array has the wrong shape or type.
        TypeError: ``image`` is neither a path, nor a PIL image, nor an array.
    """
    if isinstance(image, Image.Image):
        return _load_callers_image(image, size)
    if isinstance(image, np.ndarray):
        return _to_pixels(_image_of_array(image), size)
    if isinstance(image, str | os.PathLike):
        image = read_photo(image)
    if isinstance(image, PhotoFile):
        return _decode(image, size)
    raise TypeError(
        f"a photo must be a path, a PIL image or a NumPy array, not {type(image).__name__}"
    )


@contextmanager
def open_photo(content: bytes) -> Iterator[Image.Image]:
    """Opens a picture without decoding it.

    Raises:
        PhotoError: The picture is too large, or it is PostScript, which Pillow would pass to
            Ghostscript to run as a program.
        Exception: The file is broken; Pillow raises many types.
    """
    with Image.open(io.BytesIO(content)) as image:
        _refuse_programs(image)
        _check_pixel_count(image.width, image.height)
        yield image


def _decode(photo: PhotoFile, size: tuple[int, int]) -> NDArray[np.uint8]:
    try:
        with open_photo(photo.content) as image:
            image.draft(None, _turned(size, _orientation(image)))
            large = image.width * image.height > _LARGE_PHOTO_PIXELS
            with _one_large_photo if large else nullcontext():
                return _to_pixels(image, size)
    except PhotoError as error:
        raise PhotoError(error.reason, photo.path) from error
    except UnidentifiedImageError:
        raise PhotoError(_unknown_format(photo.path), photo.path) from None
    except MemoryError as error:
        raise PhotoError(_NO_MEMORY, photo.path) from error
    except Exception as error:  # Pillow raises many types for a broken file, even SyntaxError
        raise PhotoError(f"{_DAMAGED} ({error})", photo.path) from error


def _load_callers_image(image: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    path = getattr(image, "filename", None) or None
    try:
        _refuse_programs(image)
        with _callers_image:
            image.load()
        return _to_pixels(image, size)
    except PhotoError as error:
        raise PhotoError(error.reason, path) from error
    except MemoryError as error:
        raise PhotoError(_NO_MEMORY, path) from error
    except Exception as error:  # the image may be a broken file that is opened but not yet decoded
        raise PhotoError(f"{_DAMAGED} ({error})", path) from error


def _image_of_array(pixels: NDArray[Any]) -> Image.Image:
    if pixels.dtype != np.uint8:
        raise PhotoError(f"its pixels are {pixels.dtype}, but must be uint8 from 0 to 255")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.size == 0 or not (
        pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    ):
        raise PhotoError(
            f"its shape is {list(pixels.shape)}, but must be [height, width], "
            "[height, width, 3] or [height, width, 4]"
        )
    _check_pixel_count(pixels.shape[1], pixels.shape[0])
    return Image.fromarray(pixels)


def _to_pixels(image: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    image.load()  # turns a TIFF upright and removes its orientation
    orientation = _orientation(image)
    # Turning comes last because the small image takes less work than the large one.
    image = _to_rgb(image).resize(_turned(size, orientation), _FILTER)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    return np.asarray(image)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # Pillow raises many types for broken metadata; the picture may be fine
        return 1


def _turned(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size[1], size[0]) if orientation in _SIDEWAYS else size


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F":
        raise PhotoError("its pixels are floating-point numbers of unknown range: save it as JPEG")
    if image.mode.startswith("I"):  # Pillow's own conversion clips at 255
        high_bytes = np.asarray(image) >> 8
        np.clip(high_bytes, 0, 255, out=high_bytes)
        return Image.fromarray(high_bytes.astype(np.uint8)).convert("RGB")
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        picture = image.convert("RGBA")
        page = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(page, picture).convert("RGB")
    return image.convert("RGB")


def _refuse_programs(image: Image.Image) -> None:
    if image.format == "EPS":
        raise PhotoError("PostScript is a program, not a photo: save it as JPEG")


def _check_pixel_count(width: int, height: int) -> None:
    # Pillow raises an error at twice its limit, but only warns at the limit itself.
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise PhotoError(f"it has {width} x {height} pixels, but Pillow allows at most {limit}")


def _unknown_format(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix in (".heic", ".heif", ".avif"):
        return f"this installation of Pillow cannot read {suffix[1:].upper()}: save it as JPEG"
    return "the file is not a picture that Pillow can read"
