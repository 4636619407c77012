"""Weight imprinting, as it was before pycoral."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ....edgetpu.flat_data import FlatData
from ....errors import ModelRunError
from ....files import write_atomically
from ....heads.imprinting import ImprintingEngine as Trainer
from ....tflite.file import ModelFile
from ...basic.runner import Runner
from ...models import model_errors, open_model
from ...renamed import former_name
from ...top_k import best_classes, check_top_k

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ImprintingEngine"]

_MAX_IMAGES = 200
_NO_NORMALIZATION = "Unsupported model architecture. Input model must have an L2Norm layer."


class ImprintingEngine:
    """Adds classes to a model from a few images of each.

    :class:`coral_learn.ImprintingEngine` does so from embeddings; this class also runs the model.
    """

    def __init__(self, model_path: str, keep_classes: bool = False) -> None:
        """Opens a model, on an Edge TPU that no other engine uses, or else on the CPU.

        Args:
            model_path: The path of a ``.tflite`` file; see :class:`coral_learn.ImprintingEngine`.
            keep_classes: Whether to keep the classes that the model has.

        Raises:
            RuntimeError: The model or the Edge TPU cannot be used.
        """
        path = os.fspath(model_path)
        self._trainer = _open_trainer(path, keep_classes)
        self._first_class = self._trainer.num_classes
        self._extractor = Runner(ModelFile(self._trainer.serialize_extractor_model(), path))
        self._classifier: Runner | None = None

    def train(self, input: Sequence[FlatData] | NDArray[Any], class_id: int) -> None:
        """Trains a class. If there is an error, it is not changed.

        Args:
            input: The images, of the size of the model's input, as 1-D arrays; 1 to 200.
            class_id: The next class, or one that was trained by imprinting.

        Raises:
            AssertionError: An image is too small.
            RuntimeError: There are too few or too many images, the class cannot be trained, or the
                model or the Edge TPU failed.
            TypeError, ValueError: An image is of another type, or ``class_id`` is negative.
        """
        if len(input) == 0:
            raise RuntimeError("No images sent for training!")
        if len(input) > _MAX_IMAGES:
            raise RuntimeError(
                f"Too many training images, max # images per category is {_MAX_IMAGES}!"
            )
        embeddings = [self._extractor.run(image) for image in input]
        self._classifier = None
        for embedding in embeddings:
            self._trainer.train(embedding, class_id)

    def train_all(self, input_data: Iterable[Sequence[FlatData] | NDArray[Any]]) -> None:
        """Trains the classes after those that were kept.

        Args:
            input_data: The images of each class, as for :meth:`train`.

        Raises:
            AssertionError, RuntimeError, TypeError, ValueError: As for :meth:`train`. The classes
                before have then been trained.
        """
        for class_id, images in enumerate(input_data, self._first_class):
            self.train(images, class_id)

    def save_model(self, output_path: str | os.PathLike[str]) -> None:
        """Writes the classifier, completely or not at all.

        Raises:
            RuntimeError: There is no class yet.
            OSError: The file cannot be written.
        """
        write_atomically(output_path, self._serialize("Model without training won't be saved!"))

    def classify_with_resized_image(
        self, img: "Image", threshold: float = 0.1, top_k: int = 3
    ) -> list[tuple[np.intp, np.float32]]:
        """Classifies an image of the size of the model's input.

        Args:
            img: The image, with the channels of the model's input.
            threshold: The score that a class must be above.
            top_k: The maximum number of classes; at least 1.

        Returns:
            The classes with the highest scores, and their scores, in descending order.

        Raises:
            AssertionError, RuntimeError, TypeError, ValueError: As for
                :meth:`classify_with_input_tensor`.
        """
        return self.classify_with_input_tensor(np.asarray(img).flatten(), threshold, top_k)

    def classify_with_input_tensor(
        self, input_tensor: FlatData | list[int], threshold: float = 0.0, top_k: int = 3
    ) -> list[tuple[np.intp, np.float32]]:
        """Classifies an image with the classes trained so far.

        Args:
            input_tensor: The elements of the input tensor; see :meth:`BasicEngine.run_inference`.
            threshold: The score that a class must be above.
            top_k: The maximum number of classes; at least 1.

        Returns:
            The classes with the highest scores, and their scores, in descending order.

        Raises:
            ValueError: ``top_k`` is less than 1.
            RuntimeError: There is no class yet, or the model or the Edge TPU failed.
            AssertionError, TypeError: As for :meth:`BasicEngine.run_inference`.
        """
        check_top_k(top_k)
        if self._classifier is None:
            content = self._serialize("Model without training couldn't run inference!")
            device_path = self._extractor.device_path or None
            self._classifier = Runner(ModelFile(content), device_path)
        return best_classes(self._classifier.run(input_tensor), threshold, top_k)

    def _serialize(self, failure: str) -> bytes:
        if self._trainer.num_classes == 0:
            raise RuntimeError(failure)
        return self._trainer.serialize_model()

    SaveModel = former_name("save_model")
    Train = former_name("train")
    TrainAll = former_name("train_all")
    ClassifyWithResizedImage = former_name("classify_with_resized_image")
    ClassifyWithInputTensor = former_name("classify_with_input_tensor")


def _open_trainer(path: str, keep_classes: bool) -> Trainer:
    model = open_model(path, f"Failed to open file: {path}")
    try:
        with model_errors():
            return Trainer(model, keep_classes)
    except ModelRunError as error:
        if not str(error).startswith(_NO_NORMALIZATION):
            raise
        raise ModelRunError(_NO_NORMALIZATION) from error
