"""What the test photos show about a retrained model, as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...dataset.split import Split
from ...embeddings import Embeddings
from ...heads.near_duplicates import find_near_duplicates
from ..confusion import confusion_matrix
from ..cross_validation import CrossValidation
from ..interval import Interval, accuracy_interval

RECOMMENDED_PHOTOS = 20
"""A class with fewer training photos improves most with more of them."""

_MAX_EXAMPLES = 12


@dataclass(frozen=True)
class ClassAccuracy:
    """How well the model recognizes one class.

    Attributes:
        name: The name of the class.
        training_photos: The number of training photos of the class.
        test_photos: The number of test photos of the class.
        precision: The fraction of the test photos predicted as this class that belong to it, or
            None if no photo was predicted as this class.
        recall: The fraction of the test photos of this class that are predicted as it, or None if
            the class has no test photo.
    """

    name: str
    training_photos: int
    test_photos: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Prediction:
    """The prediction of the model for one test photo.

    Attributes:
        path: The path of the photo.
        true_class: The class of the photo.
        predicted_class: The class with the highest probability.
        probability: The probability of the predicted class, in [0, 1].
    """

    path: Path
    true_class: str
    predicted_class: str
    probability: float

    @property
    def is_correct(self) -> bool:
        """Whether the predicted class is the class of the photo."""
        return self.predicted_class == self.true_class


@dataclass(frozen=True)
class NearDuplicate:
    """A test photo that looks like a training photo, which makes the test too easy.

    Attributes:
        test: The path of the test photo.
        training: The path of the training photo.
        similarity: The cosine of the embeddings relative to the center of the class, at most 1.
    """

    test: Path
    training: Path
    similarity: float


@dataclass(frozen=True)
class Analysis:
    """What the test photos show about a retrained model.

    Attributes:
        test_photos: The number of test photos.
        accuracy: The fraction of test photos predicted correctly, or None without test photos.
        interval: The 95% confidence interval of the accuracy, or None without test photos.
        cross_validated: The accuracy by cross-validation, or None if it was not measured.
        classes: The accuracy of each class.
        confusion: The number of test photos by true class (row) and predicted class (column).
        wrong_predictions: Wrong predictions, the most confident first.
        uncertain_predictions: Correct predictions, the least confident first.
        near_duplicates: Test photos that look like a training photo, the most similar first.
        small_classes: The classes with fewer than RECOMMENDED_PHOTOS training photos.
    """

    test_photos: int
    accuracy: float | None
    interval: Interval | None
    cross_validated: CrossValidation | None
    classes: list[ClassAccuracy]
    confusion: list[list[int]]
    wrong_predictions: list[Prediction]
    uncertain_predictions: list[Prediction]
    near_duplicates: list[NearDuplicate]
    small_classes: list[str]


def analyze(
    classes: Sequence[str],
    paths: Sequence[Path],
    labels: NDArray[np.int64],
    embeddings: Embeddings,
    split: Split,
    test_scores: NDArray[np.float32],
    cross_validated: CrossValidation | None = None,
) -> Analysis:
    """Analyzes the test of a retrained model.

    Args:
        classes: The names of the C classes.
        paths: The paths of the N photos.
        labels: The class of each photo, [N].
        embeddings: The embeddings of the photos, [N, D].
        split: Which photos the model was trained on, and which it is tested on.
        test_scores: The probabilities that the saved model gives the T test photos, [T, C].
        cross_validated: The accuracy by cross-validation, or None if it was not measured.
    """
    true_classes, predicted = labels[split.test], test_scores.argmax(axis=1)
    confusion = confusion_matrix(true_classes, predicted, len(classes))
    correct, total = int(np.trace(confusion)), len(true_classes)
    training_photos = np.bincount(labels[split.train], minlength=len(classes)).tolist()
    predictions = [
        Prediction(paths[row], classes[true], classes[best], float(scores[best]))
        for row, true, best, scores in zip(
            split.test, true_classes, predicted, test_scores, strict=True
        )
    ]
    return Analysis(
        test_photos=total,
        accuracy=_fraction(correct, total),
        interval=accuracy_interval(correct, total) if total else None,
        cross_validated=cross_validated,
        classes=[
            ClassAccuracy(
                name=name,
                training_photos=training_photos[k],
                test_photos=int(confusion[k].sum()),
                precision=_fraction(confusion[k, k], confusion[:, k].sum()),
                recall=_fraction(confusion[k, k], confusion[k].sum()),
            )
            for k, name in enumerate(classes)
        ],
        confusion=confusion.tolist(),
        wrong_predictions=sorted(
            (each for each in predictions if not each.is_correct),
            key=lambda each: -each.probability,
        )[:_MAX_EXAMPLES],
        uncertain_predictions=sorted(
            (each for each in predictions if each.is_correct),
            key=lambda each: each.probability,
        )[:_MAX_EXAMPLES],
        near_duplicates=_near_duplicates(paths, labels, embeddings, split),
        small_classes=[
            name
            for name, count in zip(classes, training_photos, strict=True)
            if count < RECOMMENDED_PHOTOS
        ],
    )


def _near_duplicates(
    paths: Sequence[Path], labels: NDArray[np.int64], embeddings: Embeddings, split: Split
) -> list[NearDuplicate]:
    """Returns the test photos that look like a training photo, the most similar first."""
    near = find_near_duplicates(embeddings, labels, of=split.test)
    part = np.zeros(len(labels), np.int64)
    part[split.train], part[split.test] = 1, 2
    found: dict[int, NearDuplicate] = {}  # of each test photo, the most similar
    for one, other, cosine in zip(*(each.tolist() for each in near), strict=True):
        test, training = (one, other) if part[one] == 2 else (other, one)
        if part[training] == 1:
            found.setdefault(test, NearDuplicate(paths[test], paths[training], cosine))
    return list(found.values())


def _fraction(part: int, whole: int) -> float | None:
    return int(part) / int(whole) if whole else None
