"""The embedding extractor, which turns photos into embeddings."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING

from ..edgetpu.runtime import Interpreter
from ..embeddings import Embeddings
from ..progress import Progress
from ..tflite.file import ModelSource
from ..tflite.image_shape import InputSize
from ..tflite.normalization import NormalizationLike
from ..tflite.resizing import View
from .builtin_extractor import builtin_extractor
from .image_model import ImageModel
from .images import ImageSource
from .model_runner import Row
from .photo_file import PhotoError
from .photo_rows import OnError, PhotoRows, raise_error, skip_photo
from .photo_steps import Outcome

if TYPE_CHECKING:
    from .cache import EmbeddingCache


class EmbeddingExtractor:
    """A model that turns a photo into an embedding, the input of a classifier's head.

    Use it in a ``with`` statement, or call :meth:`close`, to free the interpreters and devices.

    Attributes:
        input_size: Width and height of the model's input, in pixels.
        resize: What the model sees of a photo, ``squash``, ``crop`` or ``linear``.
        feature_dim: The number of features in an embedding.
        output_size: The same as ``feature_dim``.
        output_format: How an embedding is stored: type, scale and zero point.
        device: ``cpu``, or the Edge TPUs in use, such as ``:0`` or ``:0,:1``; ``edgetpu`` if no
            Edge TPU was chosen by name.
        workers: The number of photos that are decoded at once and, on the CPU, run at once.

    Examples:
        >>> from coral_learn import EmbeddingExtractor
        >>> with EmbeddingExtractor("extractor.tflite", device="cpu", workers=2) as extractor:
        ...     print(extractor)
        ...     embeddings = extractor.extract(["photo.jpg", "new/daisy0.jpg"])
        ...     found = extractor.extract_readable(["photo.jpg", "your_script.py"])
        ...     for row in extractor.stream(["photo.jpg"]):
        ...         print(row.shape)
        ...     for outcome in extractor.stream_outcomes(["photo.jpg"]):
        ...         print(outcome.row.shape, outcome.digest.hex()[:4])
        EmbeddingExtractor(96 x 96 pixels to 256 values, 2 workers, 2 interpreters on cpu)
        (256,)
        (256,) ...
        >>> embeddings
        Embeddings(2 x 256 ...)
        >>> found
        PhotoRows(1 photo, 1 skipped)
        >>> extractor.close()  # again, which does nothing
    """

    def __init__(
        self,
        model: ModelSource | Interpreter | None = None,
        *,
        device: str | Sequence[str] | None = None,
        workers: int | None = None,
        cache: EmbeddingCache | None = None,
        input_size: InputSize | None = None,
        normalization: NormalizationLike | None = None,
        resize: View | None = None,
    ) -> None:
        """Loads a model.

        Args:
            model: The path of a ``.tflite`` file, its bytes, or an interpreter, which is used
                as it is; None for the built-in extractor, EfficientNet-Lite0.
            device: A device as for :func:`coral_learn.edgetpu.make_interpreter`, several of them,
                or ``all`` for every Edge TPU attached. Several devices are used at once.
            workers: The number of photos that are decoded at once and, on the CPU, run at once;
                None for the number of processors that may be used.
            cache: A cache for the embeddings of photos that are given as files.
            input_size: Width and height of the model's input, or one number for both; None for
                those of the model, or 224 for a model that takes images of any size.
            normalization: How pixels are normalized: ``0..255``, ``0..1``, ``-1..1``, ``imagenet``,
                or ``MEAN,STD`` in pixel values from 0 to 255. None for what the model itself
                declares or shows; a float model that shows nothing gets -1..1, with a warning.
            resize: What the model sees of a photo: ``squash`` for the whole photo, stretched to the
                input, ``crop`` for its center in the shape of the input, or ``linear`` for the
                whole photo as Frigate stretches it. None for what a model that was retrained here
                says, and ``squash`` for any other model.

        Raises:
            ModelError: The model cannot be used, or does not take one image.
            EdgeTpuError: The device failed.
            ValueError: ``workers`` is less than 1 or more than 1024, the device string, the
                normalization or ``resize`` is invalid, a cache was given together with an
                interpreter, whose model is not known, or the model takes images of another size
                only.
        """
        self._model = ImageModel(
            builtin_extractor() if model is None else model,
            device=device,
            workers=workers,
            cache=cache,
            input_size=input_size,
            normalization=normalization,
            resize=resize,
        )
        self.input_size = self._model.input_size
        self.resize = self._model.resize
        self.feature_dim = self.output_size = self._model.output_size
        self.output_format = self._model.output_format
        self.device = self._model.device
        self.workers = self._model.workers

    def __enter__(self) -> EmbeddingExtractor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"EmbeddingExtractor({self._model.summary})"

    def close(self) -> None:
        """Frees the interpreters and devices. The extractor cannot be used afterwards."""
        self._model.close()

    def extract(
        self,
        images: Iterable[ImageSource],
        *,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> Embeddings:
        """Returns the embeddings of photos.

        Photos are decoded, turned upright by their EXIF orientation, stretched or cropped to
        ``input_size`` as :attr:`resize` says, and quantized as the model's input requires.

        Args:
            images: Paths, PIL images or uint8 arrays ([h, w], [h, w, 3] RGB or [h, w, 4] RGBA), in
                any iterable. Photos are read only as they are needed.
            progress: True for a bar on standard error, or a function to call with (done, total)
                after each photo; total is None for an iterable without a length.
            on_error: Called with the index and the error of each photo that cannot be used, in
                order; such a photo has no row. By default the first such error is raised.

        Returns:
            One row for each photo, in order, in the type of the model's output.

        Raises:
            PhotoError: A photo cannot be used (a ValueError), and ``on_error`` is None.
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        return self._model.run(images, progress=progress, on_error=on_error or raise_error).rows

    def extract_readable(
        self,
        images: Iterable[ImageSource],
        *,
        progress: bool | Progress = False,
        on_error: OnError = skip_photo,
    ) -> PhotoRows[Embeddings]:
        """Returns the embeddings and digests of the photos that can be used, and what was skipped.

        By default, a photo that cannot be used is no error.

        Args:
            images: Photos, as for :meth:`extract`.
            progress: As for :meth:`extract`.
            on_error: Called with the index and the error of each photo that cannot be used.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        return self._model.run(images, progress=progress, on_error=on_error, digests=True)

    def stream(self, images: Iterable[ImageSource]) -> Generator[Row | PhotoError, None, None]:
        """Yields the embedding of each photo, or its error if it cannot be used, in order.

        Only a few photos are read ahead of the embedding that is yielded.

        Args:
            images: Photos, as for :meth:`extract`.

        Yields:
            A row [D] in the type of the model's output, or the PhotoError.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        return self._model.stream(images)

    def stream_outcomes(self, images: Iterable[ImageSource]) -> Generator[Outcome, None, None]:
        """Yields the embedding or the error of each photo as :meth:`stream` does, with its digest.

        Args:
            images: Photos, as for :meth:`extract`.

        Yields:
            The row [D] or the PhotoError, and the SHA-256 of the photo's file, if it is one.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        return self._model.stream_outcomes(images)
