"""What Frigate's custom classification does with a folder, without OpenCV and without Frigate.

It follows ``custom_classification.py`` of Frigate 0.17: the picture is resized with OpenCV's
default, INTER_LINEAR, which samples two by two pixels and averages no more of them.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from coral_learn import edgetpu

Pixels = np.ndarray


class Answer(NamedTuple):
    """The name that Frigate gives to a picture, and its score."""

    label: str
    score: float


class FrigateClassifier:
    """The model in a folder, as Frigate opens it."""

    def __init__(self, folder: Path) -> None:
        self._interpreter = edgetpu.make_interpreter(folder / "model.tflite", "cpu", num_threads=2)
        self._interpreter.allocate_tensors()
        [self._input] = self._interpreter.get_input_details()
        [self._output] = self._interpreter.get_output_details()
        lines = (folder / "labelmap.txt").read_text(encoding="utf-8").splitlines()
        self._labels = [line.strip() for line in lines]

    def classify(self, pixels: Pixels) -> Answer:
        """Names an RGB picture, uint8 [height, width, 3]."""
        resized = opencv_resize(pixels, (224, 224))
        self._interpreter.set_tensor(self._input["index"], resized[None])
        self._interpreter.invoke()
        scores = self._interpreter.get_tensor(self._output["index"])[0]
        probabilities = scores / scores.sum(axis=0)
        best = int(np.argmax(probabilities))
        return Answer(self._labels[best], round(float(probabilities[best]), 2))


def opencv_resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Returns what ``cv2.resize(pixels, size)`` does: weights of 11 bits, and rounding in between.

    OpenCV 5 differs from it by one level in a few of 10,000 pixels.
    """
    height, width = pixels.shape[:2]
    if (width, height) == (2 * size[0], 2 * size[1]):  # then OpenCV averages
        blocks = pixels.reshape(size[1], 2, size[0], 2, -1).astype(np.int64)
        return np.asarray((blocks.sum(axis=(1, 3)) + 2) >> 2, np.uint8)
    left, right, weight_left, weight_right = _axis(width, size[0])
    upper, lower, weight_upper, weight_lower = (each for each in _axis(height, size[1]))
    wide = pixels.astype(np.int64)
    rows = wide[:, left] * weight_left[:, None] + wide[:, right] * weight_right[:, None]
    above = (weight_upper[:, None, None] * (rows[upper] >> 4)) >> 16
    below = (weight_lower[:, None, None] * (rows[lower] >> 4)) >> 16
    return np.asarray((above + below + 2) >> 2, np.uint8)


def _axis(length: int, target: int) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Returns the two source pixels of each target pixel along an axis, and their weights."""
    centers = (np.arange(target) + 0.5) * (length / target) - 0.5
    first = np.floor(centers).astype(np.int64)
    part = np.where((first < 0) | (first >= length - 1), 0, centers - first).astype(np.float32)
    first = first.clip(0, length - 1)
    second = (first + 1).clip(0, length - 1)
    weights = [np.rint(each * 2048).astype(np.int64) for each in (1 - part, part)]
    return first, second, weights[0], weights[1]
