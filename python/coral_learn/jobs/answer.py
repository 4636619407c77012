"""What a classifier says about a photo, and which of the classes it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..notebook import table
from ..tflite.familiarity_note import LOW_FAMILIARITY
from ..tflite.output_kind import OutputKind
from ..words import percent

_LABEL_THRESHOLD = 0.5  # the default for labels that do not exclude each other


@dataclass(frozen=True)
class Class:
    """A class that a classifier predicts for a photo.

    Attributes:
        id: The class index.
        label: The name of the class, or its index in digits if the class has no name.
        score: The probability of the class, in [0, 1].

    Examples:
        >>> from coral_learn import Class
        >>> Class(id=0, label="daisy", score=0.9)
        Class(id=0, label='daisy', score=0.9)
    """

    id: int
    label: str
    score: float


@dataclass(frozen=True)
class Answer:
    """What a classifier says about a photo.

    Attributes:
        classes: The most probable classes, the most probable first; none if it does not know.
        familiarity: The fraction of the training photos that look at least as strange to a model
            trained without them, in (0, 1]; None if the model does not know. A photo below 0.05 is
            stranger than 95% of them.

    Examples:
        >>> from coral_learn import Classifier
        >>> with Classifier("retrained/retrained_model.tflite") as classifier:
        ...     [answer] = classifier.answer(["photo.jpg"])
        >>> answer.classes[0].label, answer.is_unfamiliar
        ('roses', False)
    """

    classes: list[Class]
    familiarity: float | None = None

    def _repr_html_(self) -> str:
        rows = [(each.label, percent(each.score)) for each in self.classes]
        text = "The photo looks unlike the training photos." if self.is_unfamiliar else ""
        title = "Answer" if rows else "Answer: I don't know"
        return table(title, rows, columns=("class", "probability"), text=text)

    @property
    def is_unfamiliar(self) -> bool:
        """Whether the photo is stranger than 95% of the training photos."""
        return self.familiarity is not None and self.familiarity < LOW_FAMILIARITY


class Selection(NamedTuple):
    """Which classes of a photo to return.

    Attributes:
        most: The largest number of classes.
        lowest: The lowest probability, or None for that of the kind of model.
        least: The number of classes that are returned however improbable they are.
    """

    most: int
    lowest: float | None
    least: int


def select_classes(
    scores: NDArray[np.float32],
    kind: OutputKind,
    selection: Selection,
    label: Callable[[int], str],
) -> list[list[Class]]:
    """Returns the classes to name for each photo, the most probable first.

    Args:
        scores: The probability of each class for each photo, [N, C].
        kind: What the output of the model means.
        selection: Which classes to return.
        label: Returns the name of a class.
    """
    most, lowest, least = selection
    if kind is OutputKind.MULTI_LABEL:
        most = scores.shape[1]
        lowest = _LABEL_THRESHOLD if lowest is None else lowest
    order = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    return [
        [
            Class(int(k), label(int(k)), float(row[k]))
            for place, k in enumerate(best)
            if place < least or row[k] >= (lowest or 0.0)
        ]
        for row, best in zip(scores, order, strict=True)
    ]
