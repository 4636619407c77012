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
from ..words import counted, percent
from .classification import Classifier
from .cross_validation import CrossValidation
from .interval import Interval, accuracy_interval
from .methods import TrainedHead
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
        photos: The number of photos of each part: ``train``, ``validation`` and ``test``.
        interval: The 95% confidence interval of ``test_saved``.
        cross_validated: The float head, tested by cross-validation on all photos. Measured only if
            the head can be trained again in a short time.
    """

    train: float
    validation: float | None
    test_float: float | None
    test_saved: float | None
    photos: dict[str, int]
    interval: Interval | None
    cross_validated: CrossValidation | None


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
        number = len(tested.skipped)
        warnings.warn(
            f"{counted(number, 'test photo')} could be read in training but not in the test of the "
            f"saved model, and {'was' if number == 1 else 'were'} left out of it (for example, "
            f"{tested.skipped[0]})",
            stacklevel=3,
        )
    return tested


def measure_accuracy(
    trained: TrainedHead,
    photos: TrainingPhotos,
    split: Split,
    test_scores: NDArray[np.float32],
    cross_validated: CrossValidation | None,
) -> Accuracy:
    """Measures a head on each part of a split, and the saved model by its scores.

    Args:
        trained: The trained head.
        photos: The photos.
        split: The rows of each part.
        test_scores: The saved model's probabilities for the test photos, [T, C].
        cross_validated: The accuracy by cross-validation, or None.
    """

    def of_head(rows: NDArray[np.int64]) -> float | None:
        if not len(rows):
            return None
        return trained.head.get_accuracy(photos.embeddings[rows], photos.labels[rows])

    right = test_scores.argmax(axis=1) == photos.labels[split.test]
    return Accuracy(
        train=trained.head.get_accuracy(photos.embeddings[split.train], photos.labels[split.train]),
        validation=of_head(split.validation),
        test_float=of_head(split.test),
        test_saved=float(np.mean(right)) if len(right) else None,
        photos={
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
        },
        interval=accuracy_interval(int(right.sum()), len(right)) if len(right) else None,
        cross_validated=cross_validated,
    )


def warn_of_change(accuracy: Accuracy, *, is_quantized: bool) -> None:
    """Warns if the saved model is notably more or less accurate than the float head.

    Args:
        accuracy: The accuracy of both.
        is_quantized: Whether the last layer of the saved model computes with whole numbers.
    """
    if accuracy.test_float is None or accuracy.test_saved is None:
        return
    change, photos = abs(accuracy.test_float - accuracy.test_saved), accuracy.photos["test"]
    if change > _NOTABLE_CHANGE and round(change * photos) > 1:  # one close answer says nothing
        cause = (
            "quantization changed some close answers"
            if is_quantized
            else "this is not expected of a float model, so check the saved model on other photos "
            "with `coral-learn evaluate`"
        )
        warnings.warn(
            f"the accuracy on {counted(photos, 'test photo')} is "
            f"{percent(accuracy.test_float)} for the float head and "
            f"{percent(accuracy.test_saved)} for the saved model: {cause}",
            stacklevel=3,
        )
