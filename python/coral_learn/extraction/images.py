"""Decoding photos: any picture that Pillow reads becomes an array of the model's input size.

Training, classification and evaluation all call :func:`load_image`, so that a retrained model sees
a photo exactly as it did in training.
"""

import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..tflite.resizing import View
from .central_crop import central_box, size_around
from .photo_file import PhotoError, PhotoFile, read_photo
from .picture_formats import (
    check_pixel_count,
    is_deep,
    keeps_high_bytes,
    open_photo,
    refuse_programs,
    significant_bits,
    unknown_format,
)

ImageSource = str | os.PathLike[str] | Image.Image | NDArray[Any]
"""A photo: the path of a file, a PIL image, or pixels as uint8 [h, w], [h, w, 1], [h, w, 3] (RGB)
or [h, w, 4] (RGBA)."""

ColorMode = Literal["RGB", "L"]
"""What a model's input holds for each pixel, by the name of Pillow's mode: color, or luminance."""

OnGuess = Callable[[str], None]
"""Called with a sentence that says which assumption was made about a picture."""

# BOX averages the pixels under each target pixel. NEAREST skips them, which costs 2 to 3 points of
# accuracy on photos from a camera; BILINEAR and HAMMING take longer and are no more accurate.
_FILTER = Image.Resampling.BOX

PREPROCESSING = "rgb-white-box-draft1"
"""The name of the preprocessing in :func:`load_image`. It changes whenever the pixels change, so
that the embedding cache does not mix the two. :func:`~.picture_formats.preprocessing_of` adds the
name of what is done with some kinds of files only."""

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


def load_image(
    image: ImageSource | PhotoFile,
    size: tuple[int, int],
    mode: ColorMode = "RGB",
    *,
    resize: View = "squash",
    on_guess: OnGuess | None = None,
) -> NDArray[np.uint8]:
    """Returns a photo as the pixels of a model's input.

    The photo is turned upright by its EXIF orientation and stretched to ``size``, as in Coral's
    tutorial, or first cropped to its center in the shape of ``size``. Transparent areas become
    white, and an animation is represented by its first frame. Pictures of more than eight bits are
    converted by :func:`~coral_learn.extraction.deep_pictures.to_gray_bytes`. A large JPEG is
    decoded at a reduced size, but never with fewer pixels than ``size`` in what is seen of it.

    Args:
        image: A path, a PIL image or an array; see :data:`ImageSource`. It is never modified.
        size: Width and height in pixels.
        mode: RGB, or L for the luminance that Pillow computes.
        resize: Whether the whole photo is stretched to ``size``, or its center is, and whether the
            pixels are averaged (not for ``linear``, which always decodes a JPEG in full).
        on_guess: Called if the range of the picture's values had to be assumed.

    Returns:
        The pixels, uint8 of shape [height, width, 3], or [height, width, 1] for luminance.

    Raises:
        PhotoError: The photo cannot be read or decoded, or the array has the wrong shape or type.
        TypeError: ``image`` is neither a path, nor a PIL image, nor an array.
    """
    target = _Target(size, mode, resize, on_guess)
    if isinstance(image, Image.Image):
        return _load_callers_image(image, target)
    if isinstance(image, np.ndarray):
        return _to_pixels(_image_of_array(image), target)
    if isinstance(image, str | os.PathLike):
        image = read_photo(image)
    if isinstance(image, PhotoFile):
        return _decode(image, target)
    raise TypeError(
        f"a photo must be a path, a PIL image or a NumPy array, not {type(image).__name__}"
    )


class _Target(NamedTuple):
    """What a photo becomes; see :func:`load_image`."""

    size: tuple[int, int]
    mode: ColorMode
    resize: View
    on_guess: OnGuess | None


def _decode(photo: PhotoFile, target: _Target) -> NDArray[np.uint8]:
    try:
        with open_photo(photo.content) as image:
            least = _turned(target.size, _orientation(image))
            if target.resize == "crop":
                least = size_around(image.size, least)
            if target.resize != "linear":
                image.draft(None, least)
            large = image.width * image.height > _LARGE_PHOTO_PIXELS
            with _one_large_photo if large else nullcontext():
                return _to_pixels(image, target, photo.content)
    except PhotoError as error:
        raise PhotoError(error.reason, photo.path) from error
    except UnidentifiedImageError:
        raise PhotoError(unknown_format(photo), photo.path) from None
    except MemoryError as error:
        raise PhotoError(_NO_MEMORY, photo.path) from error
    except Exception as error:  # Pillow raises many types for a broken file, even SyntaxError
        raise PhotoError(f"{_DAMAGED} ({error})", photo.path) from error


def _load_callers_image(image: Image.Image, target: _Target) -> NDArray[np.uint8]:
    path = getattr(image, "filename", None) or None
    try:
        refuse_programs(image)
        with _callers_image:
            image.load()
        return _to_pixels(image, target)
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
    check_pixel_count(pixels.shape[1], pixels.shape[0])
    return Image.fromarray(pixels)


def _to_pixels(image: Image.Image, target: _Target, content: bytes = b"") -> NDArray[np.uint8]:
    image.load()  # turns a TIFF upright and removes its orientation
    orientation = _orientation(image)
    # Turning comes last because the small image takes less work than the large one.
    if is_deep(image) or keeps_high_bytes(image, content):
        image = _to_bytes(image, content, target.on_guess)
    size = _turned(target.size, orientation)
    if target.resize == "crop":
        # resize(box=...) needs no copy, but rounds in another way than for a photo cropped before.
        image = image.crop(central_box(image.size, size, orientation))
    image = _to_mode(image, target.mode)
    image = (
        _resized_linearly(image, size) if target.resize == "linear" else image.resize(size, _FILTER)
    )
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    pixels = np.asarray(image)
    return pixels if target.mode == "RGB" else pixels[:, :, None]


def _resized_linearly(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    from .linear_resize import resize_linear  # few models need it

    return Image.fromarray(resize_linear(np.asarray(image), size))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # Pillow raises many types for broken metadata; the picture may be fine
        return 1


def _turned(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size[1], size[0]) if orientation in _SIDEWAYS else size


def _to_bytes(image: Image.Image, content: bytes, on_guess: OnGuess | None) -> Image.Image:
    from .deep_pictures import stretch_high_bytes, to_gray_bytes  # few pictures are deep

    if is_deep(image):
        found = to_gray_bytes(image, significant_bits(content))
    else:
        found = stretch_high_bytes(image)
    if found.guess is not None and on_guess is not None:
        on_guess(found.guess)
    return found.image


def _to_mode(image: Image.Image, mode: ColorMode) -> Image.Image:
    has_transparency = "transparency" in image.info
    if image.mode == mode and not has_transparency:
        return image
    if has_transparency or image.mode in ("LA", "PA", "RGBA", "RGBa"):
        picture = image.convert("RGBA")
        page = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(page, picture).convert(mode)
    return image.convert(mode)
