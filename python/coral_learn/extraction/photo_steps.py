"""The two steps of a photo: it is decoded, or found in the cache; then the model runs on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..tflite.resizing import View
from .images import ImageSource, load_image
from .input_format import InputFormat, InputTensor
from .model_runner import Row
from .photo_file import PhotoError, PhotoFile, read_photo
from .picture_formats import preprocessing_of
from .pixel_values import TensorValue
from .runner_pool import RunnerPool

if TYPE_CHECKING:
    from .cached_rows import CachedRows


class PreparedPhoto(NamedTuple):
    """A photo that the model must run on.

    Attributes:
        tensor: The model's input.
        digest: The SHA-256 of the photo's file, or b"" if it was not computed.
        key: The key of the row in the cache, or None if it is not kept.
    """

    tensor: InputTensor
    digest: bytes
    key: bytes | None


class Outcome(NamedTuple):
    """What the model returns for a photo.

    Attributes:
        row: The row, or the error of a photo that cannot be used.
        digest: The SHA-256 of the photo's file, or b"" if it was not computed.
        key: The key of a row that is to be put into the cache.
    """

    row: Row | PhotoError
    digest: bytes
    key: bytes | None = None


class PhotoSteps:
    """The steps of the photos of one call, which many threads take at once.

    Attributes:
        guesses: What was assumed about photos that do not say it, a text for each.
    """

    def __init__(
        self,
        input_format: InputFormat,
        row_type: np.dtype[TensorValue],
        runners: RunnerPool,
        cached: CachedRows | None,
        *,
        resize: View,
        digests: bool,
    ) -> None:
        """Takes the model and the cache.

        Args:
            input_format: The format of the model's input.
            row_type: The type of the values in a row.
            runners: What runs the model.
            cached: The rows that are known already; None without a cache.
            resize: What the model sees of a photo.
            digests: Whether to compute the digest of each photo's file.
        """
        self.guesses: list[str] = []
        self._input_format = input_format
        self._row_type = row_type
        self._runners = runners
        self._cached = cached
        self._resize = resize
        self._digests = digests

    def prepare(self, image: ImageSource) -> PreparedPhoto | Outcome:
        """Returns the model's input for a photo, its row if the cache has it, or its error."""
        photo: ImageSource | PhotoFile = image
        digest = b""
        key = None
        try:
            if (self._digests or self._cached is not None) and isinstance(image, str | os.PathLike):
                photo = read_photo(image)
                digest = _sha256(photo.content)
                if self._cached is not None:
                    key = self._cached.key(digest, preprocessing_of(photo.content))
                    row = self._cached.get(key)
                    if row is not None:
                        return Outcome(np.frombuffer(row, self._row_type), digest)
            guess: list[str] = []
            pixels = load_image(
                photo,
                self._input_format.size,
                self._input_format.mode,
                resize=self._resize,
                on_guess=guess.append,
            )
        except PhotoError as error:
            return Outcome(error, digest)
        if guess:
            self.guesses.append(f"{_name(image)}: {guess[0]}")
            key = None  # so that the next run warns as well
        return PreparedPhoto(self._input_format.encode(pixels), digest, key)

    def run(self, photo: PreparedPhoto | Outcome) -> Outcome:
        """Returns the row or the error of a photo that :meth:`prepare` has prepared."""
        if not isinstance(photo, PreparedPhoto):
            return photo
        return Outcome(self._runners.run(photo.tensor), photo.digest, photo.key)

    def keep(self, outcome: Outcome) -> None:
        """Puts a new row into the cache, apart from :meth:`run` so that no device waits for it."""
        row, _, key = outcome
        if self._cached is not None and key is not None and not isinstance(row, PhotoError):
            self._cached.put(key, row.tobytes())


def _sha256(content: bytes) -> bytes:
    import hashlib  # loads OpenSSL, which a photo without a digest does not need

    return hashlib.sha256(content).digest()


def _name(image: ImageSource) -> str:
    return os.fspath(image) if isinstance(image, str | os.PathLike) else "the image"
