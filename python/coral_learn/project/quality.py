"""What models that were trained without a photo say about the photos of a project."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..heads.folds import is_cheap
from ..heads.label_errors import doubt_again
from ..heads.refit import score_by_refits
from ..heads.scenes import number_scenes
from ..heads.softmax_regression import SoftmaxRegression
from ..jobs.cross_validation import CrossValidation, cross_validation_of
from ..jobs.held_out import score_held_out
from ..jobs.learning_curve import describe_gain, measure_learning_curve
from ..jobs.review.findings import Doubtful
from ..jobs.review.photos import ReviewedPhotos
from ..jobs.review.run import doubtful_of

_SEED = 0


@dataclass(frozen=True)
class WrongAnswer:
    """A photo that models which were trained without it take for another class.

    Attributes:
        id: The id of the photo.
        label: The name of its class.
        named: The name of the class that they named.
        probability: The probability that they gave to that class, in [0, 1].
    """

    id: str
    label: str
    named: str
    probability: float


@dataclass(frozen=True)
class Quality:
    """What models that were trained without a photo say about the photos of a project.

    Attributes:
        classes: The names of the classes.
        validation: The accuracy, and the recall of each class; None if no photo could be held out.
        confusion: The number of photos by class (row) and named class (column).
        wrong: The photos that they take for another class, the surest first.
        doubtful: The photos whose label is probably wrong, the most doubtful first.
        advice: What to do next, a sentence each.
    """

    classes: list[str]
    validation: CrossValidation | None
    confusion: list[list[int]]
    wrong: list[WrongAnswer]
    doubtful: list[Doubtful]
    advice: list[str]

    def to_json(self) -> dict[str, Any]:
        """Returns the quality as plain types."""
        recalls = [] if self.validation is None else self.validation.recalls
        return {
            "classes": self.classes,
            "confusion": self.confusion,
            "recalls": [
                {"class": each.name, "value": each.recall, "interval": each.interval}
                for each in recalls
            ],
            "wrong": [vars(each) for each in self.wrong],
            "doubtful": [
                {
                    "id": each.photo.name,
                    "label": each.photo.label,
                    "suggested": each.suggested,
                    "probability": each.probability,
                }
                for each in self.doubtful
            ],
            "advice": self.advice,
        }


def measure_quality(photos: ReviewedPhotos) -> Quality:
    """Measures the quality of photos and labels by cross-validation.

    Args:
        photos: The photos of two or more classes; their names are their ids.
    """
    data, classes = (photos.embeddings, photos.labels), len(photos.classes)
    scenes = number_scenes(*data, photos.groups)
    head = SoftmaxRegression(photos.embeddings.shape[1], classes, seed=_SEED)
    record = head.fit(*data, seed=_SEED, groups=scenes)
    score = score_by_refits(record, *data, classes, seed=_SEED)
    scores = score_held_out(*data, score, _SEED, scenes, repeats=1)
    if scores is None:
        advice = ["Add photos: each class needs two or more before anything can be measured."]
        return Quality(photos.classes, None, [], [], [], advice)
    first, generator = scores.by_photo(photos.labels), np.random.default_rng(_SEED)
    doubts = doubt_again(*data, score, scenes, first, generator, repeats=1)
    curve = None
    if is_cheap(photos.embeddings, classes):
        curve = measure_learning_curve(*data, score, scores, _SEED, scenes)
    named = scores.probabilities.argmax(axis=1)
    surest = np.argsort(-scores.confidence, kind="stable")
    wrong = [
        WrongAnswer(
            photos.photos[int(scores.photos[place])].name,
            photos.classes[int(scores.labels[place])],
            photos.classes[int(named[place])],
            round(float(scores.confidence[place]), 4),
        )
        for place in surest.tolist()
        if named[place] != scores.labels[place]
    ]
    advice = [] if curve is None else [f"{describe_gain(curve)}."]
    validation = cross_validation_of(scores, photos.classes)
    confusion = np.rint(scores.confusion).astype(int).tolist()
    return Quality(
        photos.classes, validation, confusion, wrong, doubtful_of(photos, doubts), advice
    )
