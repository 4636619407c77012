"""Running an object detector."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...edgetpu.flat_data import FlatData
from ..basic.basic_engine import BasicEngine
from ..image_input import image_values
from ..renamed import former_name
from ..top_k import check_top_k, is_above

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["BasicEngine", "DetectionCandidate", "DetectionEngine"]

_NEAREST = 0  # Pillow's Image.NEAREST


class DetectionCandidate:
    """An object that was found.

    Attributes:
        label_id: Its class.
        score: Its score.
        bounding_box: Its corners, [[left, top], [right, bottom]], in parts of the image or pixels.
    """

    __slots__ = ["bounding_box", "label_id", "score"]

    def __init__(
        self,
        label_id: int,
        score: float | np.float32,
        x1: float | np.float32,
        y1: float | np.float32,
        x2: float | np.float32,
        y2: float | np.float32,
    ) -> None:
        self.label_id = label_id
        self.score = score
        self.bounding_box: NDArray[Any] = np.array([[x1, y1], [x2, y2]])


class DetectionEngine(BasicEngine):
    """An object detector with the operator ``TFLite_Detection_PostProcess``."""

    def __init__(self, model_path: str, device_path: str | None = None) -> None:
        """Opens a detector; see :class:`BasicEngine`.

        Its outputs are the boxes, the classes, the scores and the number of objects, in this order.

        Raises:
            ValueError: The model has other than four outputs.
            RuntimeError: The model or the Edge TPU cannot be used.
        """
        super().__init__(model_path, device_path)
        outputs = self.get_num_of_output_tensors()
        if outputs != 4:
            raise ValueError(
                f"Dectection model should have 4 output tensors!This model has {outputs}."
            )

    def detect_with_image(
        self,
        img: "Image",
        threshold: float = 0.1,
        top_k: int = 3,
        keep_aspect_ratio: bool = False,
        relative_coord: bool = True,
        resample: int = _NEAREST,
    ) -> list[DetectionCandidate]:
        """Finds objects in an image.

        Args:
            img: The image, in any mode.
            threshold: The score that an object must be above.
            top_k: The maximum number of objects; at least 1.
            keep_aspect_ratio: Whether to pad the image with black instead of stretching it. Boxes
                are in coordinates of the image without padding in both cases.
            relative_coord: Whether boxes are in parts of the image, from 0 to 1, or in pixels.
            resample: Pillow's filter for resizing.

        Returns:
            The objects with the highest scores, in descending order.

        Raises:
            ValueError: ``top_k`` is less than 1, or the model's input has other than 1 or 3
                channels.
            RuntimeError: The model's input is not a single image, or the model or the Edge TPU
                failed.
        """
        values, covered = image_values(
            img, self.get_input_tensor_shape(), resample, keep_aspect_ratio=keep_aspect_ratio
        )
        candidates = self.detect_with_input_tensor(values, threshold, top_k)
        for candidate in candidates:
            if keep_aspect_ratio:
                box = candidate.bounding_box / covered
                candidate.bounding_box = np.array([np.maximum(box[0], 0), np.minimum(box[1], 1)])
            if relative_coord is False:
                candidate.bounding_box = candidate.bounding_box * img.size
        return candidates

    def detect_with_input_tensor(
        self, input_tensor: FlatData | list[int], threshold: float = 0.1, top_k: int = 3
    ) -> list[DetectionCandidate]:
        """Finds objects in an image that has been resized already.

        Args:
            input_tensor: The elements of the input tensor; see :meth:`run_inference`.
            threshold: The score that an object must be above.
            top_k: The maximum number of objects; at least 1.

        Returns:
            The objects with the highest scores, in descending order, with boxes from 0 to 1.

        Raises:
            ValueError: ``top_k`` is less than 1.
            AssertionError, TypeError, RuntimeError: As for :meth:`run_inference`.
        """
        check_top_k(top_k)
        _, output = self.run_inference(input_tensor)
        ends = np.cumsum(self.get_all_output_tensors_sizes())
        boxes, classes, scores, count = np.split(output, ends[:-1])
        found = [
            _candidate(classes[i], scores[i], boxes[4 * i : 4 * i + 4])
            for i in range(min(round(float(count[0])), len(scores)))
            if is_above(scores[i], threshold)
        ]
        return sorted(found, key=lambda candidate: -candidate.score)[:top_k]

    DetectWithImage = former_name("detect_with_image")
    DetectWithInputTensor = former_name("detect_with_input_tensor")


def _candidate(
    label: np.float32, score: np.float32, box: NDArray[np.float32]
) -> DetectionCandidate:
    """Makes a candidate with its box clipped to the image."""
    top, left, bottom, right = box
    return DetectionCandidate(
        round(float(label)),
        score,
        max(0.0, left),
        max(0.0, top),
        min(1.0, right),
        min(1.0, bottom),
    )
