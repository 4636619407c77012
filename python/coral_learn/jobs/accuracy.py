"""The accuracy of a trained head and of the model that was saved from it."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..dataset.split import Split
from ..extraction.cache import EmbeddingCache
from ..extraction.photo_rows import PhotoRows
from ..tflite.file import ModelFile
from .classification import Classifier
from .methods import Head
from .training_photos import TrainingPhotos

_NOTABLE_CHANGE = 0.01  # of the accuracy, by quantization


@dataclass(frozen=True)
class Accuracy:
    """The fraction of photos classified correctly, in [0, 1]; None for a part without photos.

    Attributes:
        train: The float head on the training photos.
        validation: The float head on the validation photos.
        test_float: The float head on the test photos.
        test_saved: The saved model, run end to end on the same test photos.
    """

    train: float
    validation: float | None
    test_float: float | None
    test_saved: float | None


def score_test_photos(
    model: ModelFile,
    photos: TrainingPhotos,
    rows: NDArray[np.int64],
    *,
    device: str | None,
    cache: EmbeddingCache | None,
    report: Callable[[int, int], None],
) -> PhotoRows[NDArray[np.float32]]:
    """Runs a retrained model on test photos, from their files to its answers, as users will.

    Args:
        model: The model.
        photos: All photos.
        rows: The row numbers of the T test photos, [T].
        device: The device to run on, as for :class:`~coral_learn.Classifier`.
        cache: A cache for the scores.
        report: Called with the number of photos done and the total.

    Returns:
        The probabilities of the classes for the photos that can still be read, [T, C].
    """
    with Classifier(model, device=device, cache=cache) as classifier:
        tested = classifier.score_readable(
            [photos.paths[row] for row in rows], progress=lambda done, _: report(done, len(rows))
        )
    if tested.skipped:
        warnings.warn(
            f"{len(tested.skipped)} test photos could be read in training but not in the test of "
            f"the saved model, which ran without them (for example, {tested.skipped[0]})",
            stacklevel=3,
        )
    return tested


def measure_accuracy(
    head: Head, photos: TrainingPhotos, split: Split, test_scores: NDArray[np.float32]
) -> Accuracy:
    """Measures a head on each part of a split, and the saved model by its scores.

    Args:
        head: The trained head.
        photos: The photos.
        split: The rows of each part.
        test_scores: The saved model's probabilities for the test photos, [T, C].
    """

    def of_head(rows: NDArray[np.int64]) -> float | None:
        if not len(rows):
            return None
        return head.get_accuracy(photos.embeddings[rows], photos.labels[rows])

    answers = test_scores.argmax(axis=1)
    right = answers == photos.labels[split.test]
    return Accuracy(
        train=head.get_accuracy(photos.embeddings[split.train], photos.labels[split.train]),
        validation=of_head(split.validation),
        test_float=of_head(split.test),
        test_saved=float(np.mean(right)) if len(right) else None,
    )


def warn_of_change(accuracy: Accuracy) -> None:
    """Warns if the saved model is notably more or less accurate than the float head."""
    if accuracy.test_float is None or accuracy.test_saved is None:
        return
    if abs(accuracy.test_float - accuracy.test_saved) > _NOTABLE_CHANGE:
        warnings.warn(
            f"the accuracy on the test photos is {accuracy.test_float:.1%} for the float head and "
            f"{accuracy.test_saved:.1%} for the saved model: quantization changed some close "
            "answers",
            stacklevel=3,
        )
