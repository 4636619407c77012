"""How well photos of a class that a model never saw are told from those of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import present_labels
from ..embeddings import Embeddings
from ..heads.folds import FoldRows, is_cheap
from ..heads.strangers import fit_moments, strangeness

_MIN_CLASSES = 3  # so that two are left


@dataclass(frozen=True)
class StrangerTest:
    """How well photos of unknown classes are told from others, with each class left out in turn.

    Attributes:
        auroc: The fraction of the pairs of a photo of a class that was left out and a held-out
            photo of the others in which the first looks stranger (the area under the ROC curve),
            the mean of the classes. Guessing gives 0.5.
        worst_auroc: That of the class for which it is lowest.
        worst_class: The name of this class.
    """

    auroc: float
    worst_auroc: float
    worst_class: str


def describe_strangers(test: StrangerTest) -> str:
    """Returns a sentence about how well strangers are noticed."""
    return (
        "photos of a class that it never saw are told from known ones in "
        f"{round(100 * test.auroc)} of 100 comparisons, and in {round(100 * test.worst_auroc)} for "
        f"{test.worst_class}, the hardest; guessing gets 50"
    )


def measure_strangers(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    classes: Sequence[str],
    folds: Sequence[FoldRows],
) -> StrangerTest | None:
    """Leaves each class out in turn, and looks whether its photos look stranger than others.

    Args:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class of each, [N].
        classes: The names of the classes.
        folds: Rows to learn from, and rows to compare with.

    Returns:
        The result; None with fewer than three classes, too few photos, or so many that it would
        take long.
    """
    if len(present_labels(labels)) < _MIN_CLASSES or not is_cheap(embeddings, len(classes)):
        return None
    found = {}
    for place, label in enumerate(present_labels(labels)):
        if not folds:
            break
        train, held_out = (rows[labels[rows] != label] for rows in folds[place % len(folds)])
        moments = fit_moments(embeddings[train], labels[train])
        if moments is None or not len(held_out):
            continue
        strange = strangeness(moments, embeddings[labels == label])
        found[classes[label]] = auroc(strangeness(moments, embeddings[held_out]), strange)
    if not found:
        return None
    worst = min(found, key=lambda name: found[name])
    return StrangerTest(float(np.mean(list(found.values()))), found[worst], worst)


def auroc(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Returns in how many pairs of two scores the second is higher, [0, 1]; ties count half."""
    ascending = np.sort(low)
    below = np.searchsorted(ascending, high) + np.searchsorted(ascending, high, side="right")
    return float(below.mean() / 2 / len(low))
