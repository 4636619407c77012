"""Pictures with more than eight bits a pixel: which of their values are black and white.

Few files say it. A picture of 12 bits, for example, is often stored in 16 bits without a word, and
would be almost black if its largest possible value were taken for white.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .photo_file import PhotoError

_BITS_OF_CAMERAS = (8, 10, 12, 14)
# Of a color PNG only the high bytes are known, and a dark photo is likelier than one of 14 bits.
_BITS_IN_COLOR_PNG = (8, 10, 12)
_STRETCHED_FORMAT = "PPM"  # Pillow stretches the range that it declares to 16 bits
_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR, _SAMPLE_FORMAT = 258, 262, 284, 339
_MIN_SAMPLE, _MAX_SAMPLE, _MIN_REAL, _MAX_REAL = 280, 281, 340, 341
_WHITE_IS_ZERO, _SEPARATE_PLANES, _UNSIGNED = 0, 2, 1
_BLOCK_PIXELS = 1 << 20


class ValueRange(NamedTuple):
    """The values of a picture that stand for black and white.

    Attributes:
        black: The value of black.
        white: The value of white, which is larger.
        guess: Why this range was chosen, if the file does not say it; else None.
    """

    black: float
    white: float
    guess: str | None = None


class EightBits(NamedTuple):
    """A picture in eight bits.

    Attributes:
        image: The picture, of mode L.
        guess: What was assumed about the range of its values; None if the file says it.
    """

    image: Image.Image
    guess: str | None


def to_gray_bytes(image: Image.Image, significant_bits: int | None = None) -> EightBits:
    """Converts a deep picture to eight bits.

    Black and white are what the file says they are: the tags of a TIFF, the bits that a PNG calls
    significant, the largest value of a PGM. For other files they follow from the values: 8, 10, 12
    or 14 bits if all values fit, otherwise 16 bits; floating-point numbers from 0 to 1 or from 0 to
    255; and otherwise from the smallest value to the largest. Values that are bytes by a factor of
    256 or 257 are taken for 16 bits: they are a dark picture.

    Args:
        image: A picture for which :func:`~.picture_formats.is_deep` is true.
        significant_bits: The number of significant bits that the file declares, or None.

    Raises:
        PhotoError: No value is a finite number.
    """
    values = _values(image)
    low, high = _extremes(values)
    found = _declared_range(image, low, high, significant_bits) or _range_of(values, low, high)
    pixels = _scale(values, found)
    if _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO:
        np.subtract(255, pixels, out=pixels)
    return EightBits(Image.fromarray(pixels), found.guess)


def stretch_high_bytes(image: Image.Image) -> EightBits:
    """Stretches a color picture of which Pillow has kept the high bytes of 16 bits.

    It is unchanged unless its values fit into 10, 12 or 14 bits.

    Raises:
        PhotoError: Pillow cannot read the picture.
    """
    if _tag(image, _PLANAR) == _SEPARATE_PLANES:
        raise PhotoError("Pillow cannot read a TIFF of 16 bits in separate planes: save it as PNG")
    brightest = max(
        int(np.max(band.getextrema()))
        for name, band in zip(image.getbands(), image.split(), strict=True)
        if name not in "Aa"
    )
    likely = _BITS_IN_COLOR_PNG if image.format == "PNG" else _BITS_OF_CAMERAS
    bits = next((bits for bits in likely[1:] if brightest < 1 << (bits - 8)), 16)
    if brightest == 0 or bits == 16:
        return EightBits(image, None)
    white = (1 << (bits - 8)) - 1
    table = [min(255, round(level * 255 / white)) for level in range(256)]
    tables = [level for name in image.getbands() for level in (table, range(256))[name in "Aa"]]
    return EightBits(image.point(tables), f"its values fit into {bits} bits and were stretched")


def _values(image: Image.Image) -> NDArray[Any]:
    values = np.asarray(image)
    is_unsigned = image.format == "TIFF" and _tag(image, _SAMPLE_FORMAT) in (None, _UNSIGNED)
    if values.dtype == np.int32 and is_unsigned:  # Pillow has only signed numbers of 32 bits
        return values.view(np.uint32)
    return values


def _extremes(values: NDArray[Any]) -> tuple[float, float]:
    """Returns the smallest and the largest finite value."""
    if values.dtype.kind != "f":
        return float(values.min()), float(values.max())
    finite = np.isfinite(values)
    if not finite.any():
        raise PhotoError("none of its values is a finite number: save it again as JPEG or PNG")
    low = np.min(values, initial=np.inf, where=finite)
    return float(low), float(np.max(values, initial=-np.inf, where=finite))


def _declared_range(
    image: Image.Image, low: float, high: float, significant_bits: int | None
) -> ValueRange | None:
    """Returns the range that the file declares, unless its values are outside of it."""
    if image.mode != "F" and image.format == _STRETCHED_FORMAT:
        return ValueRange(0, 65535)
    if significant_bits is not None:  # the others should be zero bits on the right
        bits = significant_bits if high < 1 << significant_bits else 16
        return ValueRange(0, (1 << bits) - 1)
    white = _tag(image, _MAX_REAL) or _tag(image, _MAX_SAMPLE)
    black = _tag(image, _MIN_REAL) or _tag(image, _MIN_SAMPLE) or 0.0
    bits = int(_tag(image, _BITS_PER_SAMPLE) or 16)
    if white is None and 8 < bits < 16:
        white = (1 << bits) - 1
    is_default = white is not None and white + 1 == 1 << bits and bits >= 16
    if white is None or is_default or not black <= low <= high <= white or black == white:
        return None
    return ValueRange(black, white)


def _range_of(values: NDArray[Any], low: float, high: float) -> ValueRange:
    """Returns the range that the values themselves suggest."""
    if values.dtype.kind == "f":
        for white in (1.0, 255.0):
            if low >= 0 and white / 4 <= high <= white:
                return ValueRange(0, white)
    elif low >= 0 and high <= 65535:
        bits = next((bits for bits in _BITS_OF_CAMERAS if high < 1 << bits), 16)
        if _were_bytes(values):
            bits = 16
        is_certain = high == 0 or (bits == 16 and values.dtype.itemsize == 2)
        guess = f"its values go up to {high:.0f} and were taken for {bits} bits"
        return ValueRange(0, (1 << bits) - 1, None if is_certain else guess)
    guess = f"its values from {low:.6g} to {high:.6g} were taken for black to white"
    return ValueRange(low, high if high > low else low + 1, guess)


def _scale(values: NDArray[Any], found: ValueRange) -> NDArray[np.uint8]:
    """Returns the values in eight bits, block by block, which saves memory."""
    pixels = np.empty(values.shape, np.uint8)
    rows = max(1, _BLOCK_PIXELS // max(1, values.shape[1]))
    for start in range(0, len(values), rows):
        block = values[start : start + rows]
        pixels[start : start + rows] = _scale_block(block, found)
    return pixels


def _scale_block(values: NDArray[Any], found: ValueRange) -> NDArray[np.uint8]:
    levels = int(found.white) + 1
    if found.black == 0 and values.dtype.kind != "f" and levels & (levels - 1) == 0:
        return (values // (levels // 256)).astype(np.uint8)  # the high byte, as Pillow does for RGB
    share = (values.astype(np.float64) - found.black) / (found.white - found.black)
    share = np.nan_to_num(share, nan=0.0, posinf=1.0, neginf=0.0)
    pixels: NDArray[np.uint8] = np.rint(share.clip(0, 1) * 255).astype(np.uint8)
    return pixels


def _tag(image: Image.Image, number: int) -> float | None:
    """Returns the first number of a TIFF tag; None if the picture has no such tag."""
    value: Any = getattr(image, "tag_v2", {}).get(number)
    try:
        return float(value[0] if isinstance(value, tuple) else value)
    except (TypeError, ValueError, IndexError):  # None, or a tag of a damaged file
        return None


def _were_bytes(values: NDArray[Any]) -> bool:
    """Tells whether values of 16 bits come from 8 bits, by a factor of 256 or 257."""
    return values.dtype.itemsize == 2 and any(not (values % step).any() for step in (256, 257))
