"""What there is to say about a retrained model, as numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...dataset import Split
from ...embeddings import Embeddings
from ..confusion import confusion_matrix

FEW_PHOTOS = 20
"""With fewer photos of a class to train on, more of them help most."""

_MOST_SHOWN = 12
# Of centered embeddings. Crops, copies of half the size and recompressed ones reach 0.85 to 0.99
# on the flower photos, and different photos of one kind of flower stay under 0.8.
_NEAR_DUPLICATE_COSINE = 0.85
_BLOCK_ROWS = 2048


@dataclass(frozen=True)
class Interval:
    """A 95% confidence interval of a fraction."""

    low: float
    high: float


@dataclass(frozen=True)
class ClassFinding:
    """How well one class is told from the others.

    Attributes:
        name: The class.
        training_photos: How many photos it was trained on.
        test_photos: How many it was tested on.
        precision: Of the test photos taken for this class, the fraction that are; None without any.
        recall: Of the test photos of this class, the fraction recognized; None without any.
    """

    name: str
    training_photos: int
    test_photos: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Answer:
    """The model's answer for one test photo.

    Attributes:
        path: The photo.
        truth: Its class.
        answer: The class that the model takes it for.
        probability: What the model gives that answer, in [0, 1].
    """

    path: Path
    truth: str
    answer: str
    probability: float


@dataclass(frozen=True)
class NearDuplicate:
    """A test photo that looks like a training photo, so that the test is easier than it seems.

    Attributes:
        test: The test photo.
        training: The training photo.
        similarity: Cosine of the two centered embeddings, at most 1.
    """

    test: Path
    training: Path
    similarity: float


@dataclass(frozen=True)
class Findings:
    """All there is to say.

    Attributes:
        accuracy: The fraction of test photos answered right, None without any.
        interval: The 95% confidence interval of the accuracy.
        classes: One finding a class.
        confusion: Test photos by true class (row) and answer (column).
        most_wrong: Wrong answers, the surest first.
        least_sure: Right answers, the least sure first.
        near_duplicates: Pairs across test and training, the most alike first.
        few_photos: Classes with less than FEW_PHOTOS photos to train on.
    """

    accuracy: float | None
    interval: Interval | None
    classes: list[ClassFinding]
    confusion: list[list[int]]
    most_wrong: list[Answer]
    least_sure: list[Answer]
    near_duplicates: list[NearDuplicate]
    few_photos: list[str]


def study(
    classes: Sequence[str],
    paths: Sequence[Path],
    labels: NDArray[np.int64],
    embeddings: Embeddings,
    split: Split,
    test_scores: NDArray[np.float32],
) -> Findings:
    """Finds what there is to say about a retrained model.

    Args:
        classes: The names of the C classes.
        paths: The N photos.
        labels: Their classes, [N].
        embeddings: Their embeddings, [N, D].
        split: Which photos trained and which tested the model.
        test_scores: The saved model's probabilities for the test photos, [T, C].
    """
    truth = labels[split.test]
    answers = test_scores.argmax(axis=1)
    confusion = confusion_matrix(truth, answers, len(classes))
    right = int(np.trace(confusion))
    training_photos = np.bincount(labels[split.train], minlength=len(classes))
    given = [
        Answer(paths[row], classes[true], classes[answer], float(scores[answer]))
        for row, true, answer, scores in zip(split.test, truth, answers, test_scores, strict=True)
    ]
    return Findings(
        accuracy=_fraction(right, len(truth)),
        interval=wilson_interval(right, len(truth)) if len(truth) else None,
        classes=[
            ClassFinding(
                name=name,
                training_photos=int(training_photos[k]),
                test_photos=int(confusion[k].sum()),
                precision=_fraction(confusion[k, k], confusion[:, k].sum()),
                recall=_fraction(confusion[k, k], confusion[k].sum()),
            )
            for k, name in enumerate(classes)
        ],
        confusion=confusion.tolist(),
        most_wrong=sorted(
            (answer for answer in given if answer.answer != answer.truth),
            key=lambda answer: -answer.probability,
        )[:_MOST_SHOWN],
        least_sure=sorted(
            (answer for answer in given if answer.answer == answer.truth),
            key=lambda answer: answer.probability,
        )[:_MOST_SHOWN],
        near_duplicates=find_near_duplicates(paths, embeddings, split),
        few_photos=[
            name for name, count in zip(classes, training_photos, strict=True) if count < FEW_PHOTOS
        ],
    )


def wilson_interval(right: int, total: int) -> Interval:
    """Returns the 95% confidence interval of a fraction, which stays inside [0, 1].

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927).

    Args:
        right: How many of them.
        total: How many in all, at least 1.
    """
    z = 1.96  # standard deviations that hold 95% of a normal distribution
    fraction = right / total
    middle = (fraction + z**2 / (2 * total)) / (1 + z**2 / total)
    half = (
        z
        / (1 + z**2 / total)
        * math.sqrt(fraction * (1 - fraction) / total + z**2 / (4 * total**2))
    )
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def find_near_duplicates(
    paths: Sequence[Path], embeddings: Embeddings, split: Split
) -> list[NearDuplicate]:
    """Returns the test photos that look like a training photo, the most alike first."""
    middle = np.mean(
        [np.asarray(embeddings[rows]).mean(axis=0) for rows in _blocks(split.train)], axis=0
    )
    found = []
    for tests in _blocks(split.test):
        directions = _directions(embeddings[tests], middle)
        cosines = np.full(len(tests), -1.0, np.float32)
        nearest = np.zeros(len(tests), np.int64)
        for rows in _blocks(split.train):
            block = directions @ _directions(embeddings[rows], middle).T
            better = block.max(axis=1) > cosines
            nearest[better] = rows[block.argmax(axis=1)[better]]
            cosines = np.maximum(cosines, block.max(axis=1))
        found += [
            NearDuplicate(paths[row], paths[other], min(float(cosine), 1.0))
            for row, other, cosine in zip(tests.tolist(), nearest.tolist(), cosines, strict=True)
            if cosine >= _NEAR_DUPLICATE_COSINE
        ]
    return sorted(found, key=lambda pair: -pair.similarity)


def _blocks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Splits row numbers so that the float32 embeddings of a block take little memory."""
    return np.array_split(rows, max(1, -(-len(rows) // _BLOCK_ROWS)))


def _directions(embeddings: Embeddings, middle: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = np.asarray(embeddings, np.float32) - middle
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    directions: NDArray[np.float32] = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return directions


def _fraction(part: int, whole: int) -> float | None:
    return int(part) / int(whole) if whole else None
