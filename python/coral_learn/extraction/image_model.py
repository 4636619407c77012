"""Running an image model on photos: each photo gives one row of numbers."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..edgetpu.runtime import Interpreter
from ..embeddings import Embeddings
from ..progress import Progress, counting
from ..tflite.file import ModelFile, ModelSource
from ..tflite.image_shape import InputSize, checked_size
from ..tflite.normalization import INPUT_RANGES, NormalizationLike, parse_normalization
from ..tflite.quantization import stored_range
from ..tflite.resize_note import read_view
from ..tflite.resizing import View, checked_view
from .images import ImageSource
from .model_runner import Row
from .photo_file import PhotoError
from .photo_rows import OnError, PhotoRows, SkippedPhoto, raise_error
from .photo_steps import Outcome, PhotoSteps
from .pipeline import prepare_and_run
from .pixel_values import TensorValue
from .placement import checked_workers, place_interpreter, place_model
from .runner_pool import RunnerPool

if TYPE_CHECKING:  # one photo needs no cache, and so neither SQLite nor hashes
    from .cache import EmbeddingCache
    from .cached_rows import CachedRows

_MAX_CLIPPED = 0.25  # of the pixel values, by a range that does not fit into a quantized input


class ImageModel:
    """A model from one image to one row of numbers: an embedding, or the scores of classes.

    There is one interpreter for each Edge TPU or, on the CPU, one with a single thread for each
    processor. Other threads decode photos ahead of the interpreters, and each photo goes to the
    first interpreter that is free. If an Edge TPU fails, a warning says so, and the others run its
    photos.

    Use it in a ``with`` statement, or call :meth:`close`, to free the interpreters and devices.

    Attributes:
        input_size: Width and height of the model's input, in pixels.
        output_size: The number of features or classes.
        output_format: The format of the model's output.
        embedding_format: The format of the embedding that it gives as well; None for one that
            gives none.
        resize: What the model sees of a photo.
        device: ``cpu``, or the Edge TPUs in use, such as ``:0`` or ``:0,:1``; ``edgetpu`` if no
            Edge TPU was chosen by name.
        workers: The number of photos that are decoded at once and, on the CPU, run at once.
    """

    def __init__(
        self,
        model: ModelSource | Interpreter,
        *,
        device: str | Sequence[str] | None = None,
        workers: int | None = None,
        cache: EmbeddingCache | None = None,
        input_size: InputSize | None = None,
        normalization: NormalizationLike | None = None,
        resize: View | None = None,
        features: int | None = None,
    ) -> None:
        """Loads a model; the arguments and errors are those of ``EmbeddingExtractor``.

        Args:
            model: The model.
            device: The device.
            workers: The number of photos at once.
            cache: A cache for rows.
            input_size: Width and height of the input.
            normalization: How pixels are normalized.
            resize: What the model sees of a photo.
            features: The length of the embedding that a classifier is to give besides its scores,
                if it has such an embedding; None for the scores alone.
        """
        if workers is not None:
            workers = checked_workers(workers)
        size = checked_size(input_size)
        given = None if normalization is None else parse_normalization(normalization)
        self.resize: View = "squash" if resize is None else checked_view(resize)
        name = "the model"
        self._cache_source = b""
        if isinstance(model, str | os.PathLike | bytes | bytearray | memoryview | ModelFile):
            file = ModelFile.open(model)
            name = file.name
            if resize is None:
                self.resize = read_view(file)
            placement = place_model(file, device, workers, size, given, features)
            if cache is not None:
                from .cache_source import cache_source

                self._cache_source = cache_source(file.content, placement.first, size, self.resize)
        elif cache is None:
            placement = place_interpreter(model, device, workers, size, given)
        else:
            raise ValueError(
                "a cache cannot be used with an interpreter, whose model is not known: "
                "pass the model's path or bytes"
            )
        self.device = placement.device
        self.workers = placement.workers
        self._input_format = placement.first.input_format
        self.output_format = placement.first.output_format
        self.embedding_format = placement.first.embedding_format
        _warn_of_assumption(name, self._input_format.table, placement.knows_range)
        self._row_type = placement.first.row_type
        self.input_size = self._input_format.size
        self.output_size = self.output_format.size
        self._runners = RunnerPool([placement.first, *placement.others])
        self._cache = cache

    def __enter__(self) -> ImageModel:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def summary(self) -> str:
        """The sizes, the workers and the devices of the model, in words."""
        width, height = self.input_size
        return (
            f"{width} x {height} pixels to {self.output_size} values, "
            f"{self.workers} workers, {self._runners.size} interpreters on {self.device}"
        )

    def close(self) -> None:
        """Frees the interpreters and devices. The model cannot be run afterwards."""
        self._runners.close()

    def run(
        self,
        images: Iterable[ImageSource],
        *,
        progress: bool | Progress = False,
        on_error: OnError = raise_error,
        digests: bool = False,
    ) -> PhotoRows[Embeddings]:
        """Runs the model on photos.

        The other arguments and errors are those of :meth:`EmbeddingExtractor.extract`.

        Args:
            images: The photos.
            progress: How to report the progress.
            on_error: What to do with a photo that cannot be used.
            digests: Whether to compute the digest of each photo's file.

        Returns:
            One row for each photo that can be used, in the type of the model's output.
        """
        stored = bytearray()
        kept: list[int] = []
        skipped: list[SkippedPhoto] = []
        digest_of_kept: list[bytes] = []
        with (
            counting(progress, images, "Photos") as count,
            contextlib.closing(self._outcomes(images, digests)) as outcomes,
        ):
            for index, (row, digest, _) in enumerate(outcomes):
                if isinstance(row, PhotoError):
                    on_error(index, row)
                    skipped.append(SkippedPhoto.from_error(row))
                else:
                    stored += row.tobytes()
                    kept.append(index)
                    digest_of_kept.append(digest)
                count(index + 1)
        rows, embeddings = self._split(stored)
        return PhotoRows(
            rows,
            np.array(kept, np.int64),
            skipped,
            digest_of_kept if digests else [],
            embeddings,
        )

    def _split(self, stored: bytearray) -> tuple[Embeddings, Embeddings | None]:
        """Returns the rows, and the embeddings that follow each of them if the model gives both."""
        if self.embedding_format is None:
            return self.output_format.rows(stored), None
        first = self.output_format.num_bytes
        both = np.frombuffer(stored, np.uint8).reshape(-1, first + self.embedding_format.num_bytes)
        return (
            self.output_format.rows(both[:, :first].tobytes()),
            self.embedding_format.rows(both[:, first:].tobytes()),
        )

    def stream(self, images: Iterable[ImageSource]) -> Generator[Row | PhotoError, None, None]:
        """Yields the row of each photo in order, or the error of a photo that cannot be used.

        Only a few photos are taken from ``images`` ahead of the row that is yielded.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        with contextlib.closing(self._outcomes(images, digests=False)) as outcomes:
            for outcome in outcomes:
                yield outcome.row

    def stream_outcomes(self, images: Iterable[ImageSource]) -> Generator[Outcome, None, None]:
        """Yields the row or the error of each photo as :meth:`stream` does, with its digest."""
        return self._outcomes(images, digests=True)

    def _outcomes(
        self, images: Iterable[ImageSource], digests: bool
    ) -> Generator[Outcome, None, None]:
        _refuse_single_image(images)
        lost = len(self._runners.lost)
        with self._open_cache() as cached:
            steps = PhotoSteps(
                self._input_format,
                self._row_type,
                self._runners,
                cached,
                resize=self.resize,
                digests=digests,
            )
            outcomes = prepare_and_run(
                steps.prepare,
                steps.run,
                images,
                preparers=self.workers,
                runners=self._runners.size,
            )
            with contextlib.closing(outcomes):
                for outcome in outcomes:
                    if self._runners.left and lost < len(self._runners.lost):
                        reason = self._runners.lost[lost]
                        warnings.warn(f"continuing without an Edge TPU: {reason}", stacklevel=4)
                        lost += 1
                    steps.keep(outcome)
                    yield outcome
        if steps.guesses:
            warnings.warn(
                "which values are black and white was assumed for "
                f"{len(steps.guesses)} of the pictures, which do not say it "
                f"(for example, {steps.guesses[0]}): "
                "save them as 8-bit pictures if this is wrong",
                stacklevel=4,
            )

    def _open_cache(self) -> AbstractContextManager[CachedRows | None]:
        if self._cache is None:
            return contextlib.nullcontext()
        return self._cache.open(self._cache_source)


def _warn_of_assumption(name: str, table: NDArray[TensorValue], knows_range: bool) -> None:
    """Warns if the range of a float input is a guess, or if most pixel values are clipped."""
    if table.dtype == np.float32 and not knows_range:
        warnings.warn(
            f"{name} takes float32 and does not say in which range: its pixels are scaled to -1..1 "
            "by assumption. If that is wrong, so are its answers: give the range with "
            f"--input-range or normalization=, one of {', '.join(INPUT_RANGES)}",
            stacklevel=4,
        )
    elif table.dtype != np.float32 and knows_range:
        lowest, highest = stored_range(table.dtype)
        clipped = float(np.mean((table == lowest) | (table == highest)))
        if clipped > _MAX_CLIPPED:
            warnings.warn(
                f"{name} has a quantized input that cannot hold {clipped:.0%} of the pixel values "
                "in the given range, and clips them: leave out --input-range or normalization=, "
                "and the range is computed from the scale of the input",
                stacklevel=4,
            )


def _refuse_single_image(images: Iterable[ImageSource]) -> None:
    single = isinstance(images, str | bytes | os.PathLike | Image.Image)
    if single or (isinstance(images, np.ndarray) and images.ndim < 4):
        raise ValueError(
            "images is a single photo, but must be a list or another iterable of photos. "
            "Put the photo in a list."
        )
