"""Photos through any image model: one image in, one row of numbers out."""

import os
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..edgetpu import Interpreter, choose_device, make_interpreter
from ..embeddings import Embeddings
from ..model_file import ModelSource, is_compiled, read_model_content
from .images import ImageSource, PhotoError, load_image
from .model_runner import ModelRunner, Row
from .progress import Progress, reporting

OnError = Callable[[int, PhotoError], None]
"""Called with the index and the error of a photo that cannot be used."""


class ImageModel:
    """A model from one RGB image to one row of numbers: an embedding, or the scores of classes.

    Use it in a ``with`` statement, or call :meth:`close`, to free the interpreters and devices.

    Attributes:
        input_size: Width and height of the input, in pixels.
        output_size: The number of features or classes.
        device: ``cpu``, or the Edge TPU in use: ``edgetpu`` where none was chosen by name.
    """

    def __init__(
        self,
        model: ModelSource | Interpreter,
        *,
        device: str | None = None,
        workers: int | None = None,
    ) -> None:
        """Loads a model.

        Args:
            model: The path of a ``.tflite`` file, its bytes, or an interpreter already made, which
                is then used as it is.
            device: As for :func:`coral_learn.edgetpu.make_interpreter`.
            workers: How many interpreters run at once; None for as many as the machine has use
                for.

        Raises:
            ModelError: The model cannot be used, or is no image model.
            EdgeTpuError: The device failed.
            ValueError: ``workers`` is less than 1.
        """
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        if isinstance(model, str | os.PathLike | bytes | bytearray | memoryview):
            content = read_model_content(model)
            interpreter = make_interpreter(content, device)
            self.device = (choose_device(device) or "edgetpu") if is_compiled(content) else "cpu"
        else:
            interpreter = model
            self.device = choose_device(device) or "cpu"
        self._runner: ModelRunner | None = ModelRunner(interpreter)
        self.input_size = self._runner.input_format.size
        self.output_size = self._runner.output_size

    def __enter__(self) -> "ImageModel":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the interpreters and devices; the model cannot be run any more."""
        self._runner = None

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
        _refuse_single_image(images)
        runner = self._open_runner()
        stored = bytearray()
        with reporting(progress, images, "Photos") as report:
            for index, outcome in enumerate(self.stream(images)):
                if not isinstance(outcome, PhotoError):
                    stored += outcome.tobytes()
                elif on_error is not None:
                    on_error(index, outcome)
                else:
                    raise outcome
                report(index + 1)
        return runner.rows(stored)

    def stream(self, images: Iterable[ImageSource]) -> Iterator[Row | PhotoError]:
        """Gives the row of each photo, or the error of one that cannot be used, in order.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        runner = self._open_runner()
        for image in images:
            pixels = _pixels_or_error(image, self.input_size)
            yield pixels if isinstance(pixels, PhotoError) else runner.run(pixels)

    def _open_runner(self) -> ModelRunner:
        if self._runner is None:
            raise ValueError("the model was closed")
        return self._runner


def _pixels_or_error(image: ImageSource, size: tuple[int, int]) -> NDArray[np.uint8] | PhotoError:
    try:
        return load_image(image, size)
    except PhotoError as error:
        return error


def _refuse_single_image(images: Iterable[ImageSource]) -> None:
    single = isinstance(images, str | bytes | os.PathLike | Image.Image)
    if single or (isinstance(images, np.ndarray) and images.ndim < 4):
        raise ValueError("images must be several photos, such as a list: put the photo in a list")
