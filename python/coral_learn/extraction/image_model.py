"""Photos through any image model: one image in, one row of numbers out."""

import contextlib
import functools
import hashlib
import operator
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..edgetpu.runtime import Interpreter, runtime_name
from ..embeddings import Embeddings
from ..machine import processor_kind
from ..progress import Progress, reporting
from ..tflite.file import ModelFile, ModelSource, read_model_content
from .cache import CachedRows, EmbeddingCache
from .images import PREPROCESSING, ImageSource, PhotoError, PhotoFile, load_image, read_photo
from .model_runner import ModelRunner, Row
from .pipeline import prepare_and_run
from .placement import place_interpreter, place_model
from .runner_pool import RunnerPool

OnError = Callable[[int, PhotoError], None]
"""Called with the index and the error of a photo that cannot be used."""

_MOST_WORKERS = 1024

_Self = TypeVar("_Self", bound="ImageModel")  # typing.Self came with Python 3.11


class ImageModel:
    """A model from one RGB image to one row of numbers: an embedding, or the scores of classes.

    Threads decode photos ahead of the interpreters, of which there is one for each Edge TPU, or one
    of one thread for each processor; each photo goes to the one that comes free first. An Edge TPU
    that fails midway leaves its photos to the others, with a warning.

    Use it in a ``with`` statement, or call :meth:`close`, to free the interpreters and devices.

    Attributes:
        input_size: Width and height of the input, in pixels.
        output_size: The number of features or classes.
        device: ``cpu``, or the Edge TPUs in use, such as ``:0`` or ``:0,:1``; ``edgetpu`` where
            none was chosen by name.
        workers: How many photos are decoded at once and, on the CPU, run at once.
    """

    def __init__(
        self,
        model: ModelSource | Interpreter,
        *,
        device: str | Sequence[str] | None = None,
        workers: int | None = None,
        cache: EmbeddingCache | None = None,
    ) -> None:
        """Loads a model.

        Args:
            model: The path of a ``.tflite`` file, its bytes, or an interpreter already made, which
                is then used as it is.
            device: As for :func:`coral_learn.edgetpu.make_interpreter`; several, or ``all`` for
                every Edge TPU attached, are used at once.
            workers: How many photos are decoded at once and, on the CPU, run at once; None for
                the number of processors that may be used.
            cache: Where the rows of photos seen before are kept; photos that are not files are not.

        Raises:
            ModelError: The model cannot be used, or is no image model.
            EdgeTpuError: The device failed.
            ValueError: ``workers`` is less than 1 or more than 1024, the device string is invalid,
                or there is a cache for an interpreter, whose model is not known.
        """
        if workers is not None:
            workers = _checked_workers(workers)
        if isinstance(model, str | os.PathLike | bytes | bytearray | memoryview | ModelFile):
            content = read_model_content(model)
            placement = place_model(content, device, workers)
        elif cache is None:
            content = b""
            placement = place_interpreter(model, device, workers)
        else:
            raise ValueError("a cache needs the model's file or bytes, not an interpreter")
        self.device = placement.device
        self.workers = placement.workers
        self._input_format = placement.first.input_format
        self._output_format = placement.first.output_format
        self.input_size = self._input_format.size
        self.output_size = self._output_format.size
        self._runners = RunnerPool([placement.first, *placement.others])
        self._cache = cache
        self._source = b"" if cache is None else _source(content, placement.first)

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        width, height = self.input_size
        return (
            f"{type(self).__name__}({width} x {height} pixels to {self.output_size} values, "
            f"{self.workers} workers, {self._runners.size} interpreters on {self.device})"
        )

    def close(self) -> None:
        """Frees the interpreters and devices; the model cannot be run any more."""
        self._runners.close()

    def run(
        self,
        images: Iterable[ImageSource],
        *,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> Embeddings:
        """Runs the model on photos.

        Args:
            images: Paths, PIL images or arrays; see
                :data:`~coral_learn.extraction.images.ImageSource`. Any iterable will do; photos are
                read as they are needed.
            progress: True for a bar on standard error, or what to call with (done, total) after
                each photo; total is None for an iterable without a length.
            on_error: Called with the index and the PhotoError of a photo that cannot be used, in
                order; the photo then has no row. By default the first error is raised.

        Returns:
            One row a photo, in order, in the model's own output type.

        Raises:
            PhotoError: A photo cannot be used, and there is no ``on_error``.
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        stored = bytearray()
        with (
            reporting(progress, images, "Photos") as report,
            contextlib.closing(self.stream(images)) as outcomes,
        ):
            for index, outcome in enumerate(outcomes):
                if not isinstance(outcome, PhotoError):
                    stored += outcome.tobytes()
                elif on_error is not None:
                    on_error(index, outcome)
                else:
                    raise outcome
                report(index + 1)
        return self._output_format.rows(stored)

    def stream(self, images: Iterable[ImageSource]) -> Generator[Row | PhotoError, None, None]:
        """Gives the row of each photo, or the error of one that cannot be used, in order.

        Photos are taken from ``images`` a few ahead of the row that is given.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        _refuse_single_image(images)
        lost = len(self._runners.lost)
        with self._open_cache() as cached:
            outcomes = prepare_and_run(
                functools.partial(self._prepare, cached),
                functools.partial(self._finish, cached),
                images,
                preparers=self.workers,
                runners=self._runners.size,
            )
            with contextlib.closing(outcomes):
                for outcome in outcomes:
                    if self._runners.left and lost < len(self._runners.lost):
                        reason = self._runners.lost[lost]
                        warnings.warn(f"going on without an Edge TPU: {reason}", stacklevel=4)
                        lost += 1
                    yield outcome

    def _open_cache(self) -> AbstractContextManager[CachedRows | None]:
        if self._cache is None:
            return contextlib.nullcontext()
        return self._cache.open(self._source)

    def _prepare(
        self, cached: CachedRows | None, image: ImageSource
    ) -> "_PreparedPhoto | Row | PhotoError":
        """Returns the model's input for a photo, or its row if that is known, or its error."""
        photo: ImageSource | PhotoFile = image
        key = None
        try:
            if cached is not None and isinstance(image, str | os.PathLike):
                photo = read_photo(image)
                key = cached.key(photo.content)
                row = cached.get(key)
                if row is not None:
                    return np.frombuffer(row, self._output_format.dtype)
            pixels = load_image(photo, self.input_size)
        except PhotoError as error:
            return error
        return _PreparedPhoto(self._input_format.encode(pixels), key)

    def _finish(
        self, cached: CachedRows | None, photo: "_PreparedPhoto | Row | PhotoError"
    ) -> Row | PhotoError:
        """Returns the row or the error of a photo that :meth:`_prepare` was given."""
        if not isinstance(photo, _PreparedPhoto):
            return photo
        row = self._runners.run(photo.tensor)
        if cached is not None and photo.key is not None:
            cached.put(photo.key, row.tobytes())
        return row


@dataclass(frozen=True)
class _PreparedPhoto:
    """A photo that the model must look at.

    Attributes:
        tensor: The model's input.
        key: Where to keep the row, None for nowhere.
    """

    tensor: NDArray[Any]
    key: bytes | None


def _checked_workers(value: Any) -> int:
    try:
        workers = operator.index(value)
    except TypeError:
        raise TypeError(f"workers must be a whole number, not {value!r}") from None
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    if workers > _MOST_WORKERS:
        raise ValueError(f"workers must be at most {_MOST_WORKERS}, not {workers}")
    return workers


def _source(content: bytes, runner: ModelRunner) -> bytes:
    """Names all that a row depends on beside the photo."""
    return b"\0".join(
        [
            hashlib.blake2b(content).digest(),
            PREPROCESSING.encode(),
            runner.input_format.table.tobytes(),
            runtime_name().encode(),
            processor_kind().encode(),
        ]
    )


def _refuse_single_image(images: Iterable[ImageSource]) -> None:
    single = isinstance(images, str | bytes | os.PathLike | Image.Image)
    if single or (isinstance(images, np.ndarray) and images.ndim < 4):
        raise ValueError("images must be several photos, such as a list: put the photo in a list")
