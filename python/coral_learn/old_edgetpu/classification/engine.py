"""Running an image classifier."""

from typing import TYPE_CHECKING

import numpy as np

from ...edgetpu.flat_data import FlatData
from ..basic.basic_engine import BasicEngine
from ..image_input import image_values
from ..renamed import former_name
from ..top_k import best_classes, check_top_k

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["BasicEngine", "ClassificationEngine"]

_NEAREST = 0  # Pillow's Image.NEAREST


class ClassificationEngine(BasicEngine):
    """An image classifier."""

    def __init__(self, model_path: str, device_path: str | None = None) -> None:
        """Opens a classifier; see :class:`BasicEngine`.

        Raises:
            ValueError: The model has several outputs.
            RuntimeError: The model or the Edge TPU cannot be used.
        """
        super().__init__(model_path, device_path)
        outputs = self.get_num_of_output_tensors()
        if outputs != 1:
            raise ValueError(
                f"Classification model should have 1 output tensor only!This model has {outputs}."
            )

    def classify_with_image(
        self, img: "Image", threshold: float = 0.1, top_k: int = 3, resample: int = _NEAREST
    ) -> list[tuple[np.intp, np.float32]]:
        """Classifies an image, which is stretched to the model's input.

        Args:
            img: The image, in any mode.
            threshold: The score that a class must be above.
            top_k: The maximum number of classes; at least 1.
            resample: Pillow's filter for resizing.

        Returns:
            The classes with the highest scores, and their scores, in descending order.

        Raises:
            ValueError: ``top_k`` is less than 1, or the model's input has other than 1 or 3
                channels.
            RuntimeError: The model's input is not a single image, or the model or the Edge TPU
                failed.
        """
        values, _ = image_values(img, self.get_input_tensor_shape(), resample)
        return self.classify_with_input_tensor(values, threshold, top_k)

    def classify_with_input_tensor(
        self, input_tensor: FlatData | list[int], threshold: float = 0.0, top_k: int = 3
    ) -> list[tuple[np.intp, np.float32]]:
        """Classifies an image that has been resized already.

        Args:
            input_tensor: The elements of the input tensor; see :meth:`run_inference`.
            threshold: The score that a class must be above.
            top_k: The maximum number of classes; at least 1.

        Returns:
            The classes with the highest scores, and their scores, in descending order.

        Raises:
            ValueError: ``top_k`` is less than 1.
            AssertionError, TypeError, RuntimeError: As for :meth:`run_inference`.
        """
        check_top_k(top_k)
        _, scores = self.run_inference(input_tensor)
        return best_classes(scores, threshold, top_k)

    ClassifyWithImage = former_name("classify_with_image")
    ClassifyWithInputTensor = former_name("classify_with_input_tensor")
