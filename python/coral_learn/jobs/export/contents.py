"""What an export writes."""

from typing import NamedTuple

from ...tflite.resizing import Resize

MODEL_NAME = "model.tflite"
"""The name of the model in every export that has one."""

MARK = "by coral-learn export"
"""What the first line of every text in an export says, unless it is a list of names."""


class Contents(NamedTuple):
    """The files of an export.

    Attributes:
        files: The content of each file by its name.
        notes: What the user should know about them.
        next_step: What to do with them, a sentence without a full stop.
    """

    files: dict[str, bytes]
    notes: list[str]
    next_step: str


def label_lines(labels: list[str]) -> bytes:
    """Returns a label file with one name a line and no numbers."""
    return "".join(f"{label}\n" for label in labels).encode()


def notes_of_threshold(threshold: float | None, advice: str) -> list[str]:
    """Returns what to do about the threshold of a model, where the consumer does not know it.

    Args:
        threshold: The lowest probability of an answer to give; None for any.
        advice: How the consumer gets it.
    """
    if threshold is None:
        return []
    return [f"the model was trained to give no answer below a score of {threshold:.3f}: {advice}"]


def notes_of_squashing(resize: Resize, consumer: str, better: Resize) -> list[str]:
    """Returns what it means that a consumer stretches whole pictures to the input of a model.

    Args:
        resize: How the photos of the model were resized in training.
        consumer: The name of the consumer.
        better: The way of training that suits it.
    """
    if resize == "crop":
        return [
            f"the model was trained on the centers of photos (--resize crop), but {consumer} "
            "stretches the whole picture, which costs about a point of accuracy: train again with "
            f"--resize {better}"
        ]
    if resize == "both":
        return [
            f"{consumer} stretches the whole picture. The model was trained for this too (--resize "
            "both), but its answers can differ from those of `coral-learn classify`, which takes "
            "the center"
        ]
    return []
