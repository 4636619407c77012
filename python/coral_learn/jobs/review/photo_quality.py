"""How bright and how sharp photos are."""

import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...extraction.cache import EmbeddingCache
from ...extraction.deep_pictures import to_gray_bytes
from ...extraction.photo_file import read_photo
from ...extraction.picture_formats import is_deep, open_photo
from ...machine import usable_cpus

_FORMAT = struct.Struct("<2d")
_SOURCE = b"brightness and sharpness, 1"  # another number when they are measured in another way
_SIZE = 384  # pixels of the longer side: what blurs at this size blurs at that of any model


class PhotoQuality(NamedTuple):
    """How bright and how sharp a photo is.

    Attributes:
        brightness: The mean luminance, in [0, 1].
        sharpness: How much neighboring pixels differ, compared with pixels two apart: 0.5 for a
            blurred edge, and more for a sharp one or for noise.
    """

    brightness: float
    sharpness: float


def measure_photos(
    paths: Sequence[Path | None], progress: Callable[[int, int], None]
) -> list[PhotoQuality | None]:
    """Measures photos; None for those that cannot be read.

    Args:
        paths: The photos; None for a photo that is not here.
        progress: Called with the number of photos done and the total.
    """
    found: list[PhotoQuality | None] = []
    with ThreadPoolExecutor(usable_cpus()) as executor:
        for quality in executor.map(_measure, paths):
            found.append(quality)
            progress(len(found), len(paths))
    return found


def measure_cached(
    paths: Sequence[Path], digests: Sequence[bytes], cache: EmbeddingCache | None
) -> list[PhotoQuality | None]:
    """Measures photos, those that are not in a cache; None for those that cannot be read.

    Args:
        paths: The photos.
        digests: The SHA-256 of each photo's file; b"" if it is not known.
        cache: The cache, which gets what was measured.
    """
    if cache is None:
        return measure_photos(paths, lambda done, total: None)
    with cache.open(_SOURCE) as rows:
        keys = [rows.key(digest) if digest else b"" for digest in digests]
        found = [_stored(rows.get(key)) if key else None for key in keys]
        missing = [row for row, quality in enumerate(found) if quality is None]
        measured = measure_photos([paths[row] for row in missing], lambda done, total: None)
        for row, quality in zip(missing, measured, strict=True):
            found[row] = quality
            if quality is not None and keys[row]:
                rows.put(keys[row], _FORMAT.pack(*quality))
    return found


def _stored(row: bytes | None) -> PhotoQuality | None:
    if row is None or len(row) != _FORMAT.size:
        return None
    return PhotoQuality(*_FORMAT.unpack(row))


def _measure(path: Path | None) -> PhotoQuality | None:
    if path is None:
        return None
    try:
        content = read_photo(path).content
        with open_photo(content) as photo:
            photo.draft("L", (_SIZE, _SIZE))
            gray = (to_gray_bytes(photo).image if is_deep(photo) else photo).convert("L")
        gray.thumbnail((_SIZE, _SIZE), Image.Resampling.BOX)
    except Exception:  # Pillow raises many types; extraction told of damaged files already
        return None
    values = np.asarray(gray, np.float32)
    return PhotoQuality(round(float(values.mean()) / 255, 4), round(_sharpness(values), 4))


def _sharpness(values: NDArray[np.float32]) -> float:
    """Returns how steep edges are, whatever their height."""
    near = sum(np.abs(np.diff(values, axis=axis)).sum() for axis in (0, 1))
    far = np.abs(values[2:] - values[:-2]).sum() + np.abs(values[:, 2:] - values[:, :-2]).sum()
    return float(near / max(far, 1.0))
