"""Photos to pixels: any picture that Pillow reads becomes an RGB array of the model's input size.

Training, classifying and evaluating all go through :func:`load_image`, so that a retrained model
sees its photos exactly as it saw them when it was trained.
"""

import errno
import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

ImageSource = str | os.PathLike[str] | Image.Image | NDArray[Any]
"""A photo: the path of a file, a PIL image, or pixels as uint8 [h, w], [h, w, 1], [h, w, 3] (RGB)
or [h, w, 4] (RGBA)."""

# Averages the pixels under each target pixel. NEAREST skips them, which costs 2 to 3 points of
# accuracy on photos of a camera's size; BILINEAR and HAMMING gain nothing over it and take longer.
_FILTER = Image.Resampling.BOX

PREPROCESSING = "rgb-white-box-draft1"
"""Names what :func:`load_image` does to a photo; changes whenever its pixels do."""

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

_MOST_BYTES = 300_000_000
_NO_FAULT_OF_THE_PHOTO = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_LARGE = 16_000_000  # pixels
_NO_MEMORY = "there is not enough memory for it: make it smaller"
_DAMAGED = "the photo is damaged or not supported"

# A PIL image decodes itself on first use and is not safe for two threads at that moment, and the
# same image may be given twice. Files are opened here, once for each use, and need no lock.
_callers_image = threading.Lock()

# A file of a megabyte can hold 90 million pixels, and turning them to RGB takes up to 16 bytes for
# each. Several such at once would be too much for a small computer.
_one_large_photo = threading.Lock()


class PhotoError(ValueError):
    """A photo cannot be used.

    Attributes:
        path: The photo's file, or None where it was given as an image or array.
        reason: Why, in plain words.
    """

    def __init__(self, reason: str, path: str | os.PathLike[str] | None = None) -> None:
        name = "the image" if path is None else os.fspath(path)
        super().__init__(f"{name}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.path)


@dataclass(frozen=True)
class PhotoFile:
    """A photo's file that was read.

    Attributes:
        path: Where it is.
        content: Its bytes.
    """

    path: str | os.PathLike[str]
    content: bytes


def load_image(image: ImageSource | PhotoFile, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Returns a photo as the RGB pixels of a model's input.

    The photo is turned upright by its EXIF orientation and stretched to ``size``, as the tutorial
    does. What is transparent becomes white; 16-bit gray keeps its high byte; of an animation, the
    first frame is taken. A large JPEG is decoded at a fraction of its size, never below ``size``.

    Args:
        image: A path, a PIL image or an array; see :data:`ImageSource`. Never modified.
        size: Width and height in pixels.

    Returns:
        uint8 of shape [height, width, 3].

    Raises:
        PhotoError: The photo cannot be read or decoded, or is of no known form.
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


def read_photo(path: str | os.PathLike[str]) -> PhotoFile:
    """Reads a photo's file.

    Raises:
        PhotoError: The file cannot be read, is empty, or is too large to be a photo.
        OSError: No file can be read, for want of memory or of numbers for open files.
    """
    try:
        found = Path(path).stat()
        is_file = stat.S_ISREG(found.st_mode)  # reading a pipe might never end
        content = Path(path).read_bytes() if is_file and found.st_size <= _MOST_BYTES else b""
    except FileNotFoundError:
        raise PhotoError("there is no such file", path) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        if getattr(error, "errno", None) in _NO_FAULT_OF_THE_PHOTO:
            raise
        raise PhotoError(getattr(error, "strerror", None) or str(error), path) from error
    if not is_file:
        raise PhotoError("this is not a file", path)
    if found.st_size > _MOST_BYTES:
        raise PhotoError(f"{found.st_size} bytes are too many for a photo", path)
    if not content:
        raise PhotoError("the file is empty", path)
    return PhotoFile(path, content)


@contextmanager
def open_photo(content: bytes) -> Iterator[Image.Image]:
    """Opens a picture without decoding it.

    Raises:
        PhotoError: It is too large, or a program: Pillow has PostScript run by Ghostscript.
        Exception: Of many types, if it is broken.
    """
    with Image.open(io.BytesIO(content)) as image:
        _refuse_programs(image)
        _check_pixel_count(image.width, image.height)
        yield image


def _decode(photo: PhotoFile, size: tuple[int, int]) -> NDArray[np.uint8]:
    try:
        with open_photo(photo.content) as image:
            image.draft(None, _turned(size, _orientation(image)))
            with _one_large_photo if image.width * image.height > _LARGE else nullcontext():
                return _to_pixels(image, size)
    except PhotoError as error:
        raise PhotoError(error.reason, photo.path) from error
    except UnidentifiedImageError:
        raise PhotoError(_unknown_format(photo.path), photo.path) from None
    except MemoryError as error:
        raise PhotoError(_NO_MEMORY, photo.path) from error
    except (
        Exception
    ) as error:  # a broken file makes Pillow raise many types, SyntaxError among them
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
    except Exception as error:  # as for a file, which this may be, opened but not yet decoded
        raise PhotoError(f"{_DAMAGED} ({error})", path) from error


def _image_of_array(pixels: NDArray[Any]) -> Image.Image:
    if pixels.dtype != np.uint8:
        raise PhotoError(f"its pixels must be uint8 from 0 to 255, not {pixels.dtype}")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.size == 0 or not (
        pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    ):
        raise PhotoError(
            "its shape must be [height, width], [height, width, 3] or [height, width, 4], "
            f"not {list(pixels.shape)}"
        )
    _check_pixel_count(pixels.shape[1], pixels.shape[0])
    return Image.fromarray(pixels)


def _to_pixels(image: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    image.load()  # turns a TIFF upright and takes the orientation out of it
    orientation = _orientation(image)
    # Turning comes last: the small image is turned, and not the large one.
    image = _to_rgb(image).resize(_turned(size, orientation), _FILTER)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    return np.asarray(image)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # broken metadata of many kinds; the picture itself may be fine
        return 1


def _turned(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size[1], size[0]) if orientation in _SIDEWAYS else size


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F":
        raise PhotoError("its pixels are floating-point numbers, whose range is not known")
    if image.mode.startswith("I"):  # Pillow itself would cut at 255
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
        raise PhotoError("PostScript is a program and no photo: save it as JPEG")


def _check_pixel_count(width: int, height: int) -> None:
    # Pillow refuses at twice its limit and merely warns at the limit itself.
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise PhotoError(f"{width} x {height} pixels are more than the {limit} that Pillow allows")


def _unknown_format(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix in (".heic", ".heif", ".avif"):
        return f"this installation of Pillow cannot read {suffix[1:].upper()}: save it as JPEG"
    return "the file is not a picture that Pillow can read"
