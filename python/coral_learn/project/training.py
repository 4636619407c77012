"""Training the head of a project."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..heads.records import FitRecord
from ..heads.refit import refit
from ..heads.scenes import number_scenes
from ..heads.softmax_regression import SoftmaxRegression
from .photo_views import part_of_rows, stacked
from .state import REMOVED, ProjectState

SEED = 0
"""The seed of everything that a project draws."""

_MAX_CHANGED = 0.1  # of the photos, since the penalty was searched for


class LastHead(NamedTuple):
    """The head before a change.

    Attributes:
        head: The head.
        classes: The names of its classes.
        record: How it was fitted.
    """

    head: SoftmaxRegression
    classes: Sequence[str]
    record: FitRecord


def keeps_penalty(before: ProjectState, changed: ProjectState) -> int | None:
    """Returns the number of photos that changed since the penalty was searched for.

    None if that is more than a tenth of all photos, or if the penalty is not known: then it has to
    be searched for. A penalty that was chosen on nearly the same photos is as good as a new one,
    and the search takes most of the time of a change.
    """
    if before.head is None or before.penalty is None:
        return None
    number = before.unsearched + _count_changed(before, changed)
    photos = sum(changed.count(name) for name in changed.classes)
    return number if number <= _MAX_CHANGED * photos else None


def train(
    rows: Embeddings, labels: NDArray[np.int64], classes: Sequence[str], views: int = 1
) -> tuple[SoftmaxRegression, FitRecord, NDArray[np.int64]]:
    """Trains a head on all photos, with the penalty that suits them, and returns their scenes too.

    Args:
        rows: The embeddings of the views of each photo, [N, V x D].
        labels: The class of each photo, [N].
        classes: The names of the classes, at least 2.
        views: V.
    """
    parts = [part_of_rows(rows, index, views) for index in range(views)]
    scenes = number_scenes(parts[0], labels)  # photos of one scene are held out together
    head = SoftmaxRegression(parts[0].shape[1], len(classes), seed=SEED)
    shown = stacked(parts), np.tile(labels, views)
    return head, head.fit(*shown, seed=SEED, groups=np.tile(scenes, views)), scenes


def train_further(
    last: LastHead,
    rows: Embeddings,
    labels: NDArray[np.int64],
    classes: Sequence[str],
    views: int = 1,
) -> SoftmaxRegression:
    """Trains a head on all photos with the penalty of the last one, and from its weights.

    The loss has one minimum, and the fit ends as close to it as from any other start.
    """
    parts = [part_of_rows(rows, index, views) for index in range(views)]
    shown = stacked(parts), np.tile(labels, views)
    start = _start(last, classes)
    return refit(last.record, *shown, len(classes), seed=SEED, start=start)


def _start(last: LastHead, classes: Sequence[str]) -> SoftmaxRegression:
    """Returns the weights of the classes that the last head had, and zeros for new ones."""
    start = SoftmaxRegression(last.head.feature_dim, len(classes), weight_scale=0, seed=SEED)
    for index, name in enumerate(classes):
        if name in last.classes:
            known = last.classes.index(name)
            start.weights[:, index] = last.head.weights[:, known]
            start.biases[index] = last.head.biases[known]
    return start


def _count_changed(before: ProjectState, changed: ProjectState) -> int:
    """Returns the number of photos that are new, gone, or in another class."""
    old = {part.file: part for part in before.photos}
    number = 0
    for part in changed.photos:
        known = old.pop(part.file, None)
        if known is part and before.classes == changed.classes:
            continue
        was = [REMOVED] * len(part.labels) if known is None else known.labels
        pairs = zip(_names(before, was), _names(changed, part.labels), strict=True)
        number += sum(one != other for one, other in pairs)
    return number + sum(label != REMOVED for part in old.values() for label in part.labels)


def _names(state: ProjectState, labels: Sequence[int]) -> list[str | None]:
    return [None if label == REMOVED else state.classes[label] for label in labels]
