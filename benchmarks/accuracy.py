"""The accuracy of heads that were trained on few and on many flowers."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from .figures import Figure, Note, Target, points_more
from .flowers import EmbeddedPhotos, embed_flowers, mobilenet_v1
from .heads import (
    PENALTIES,
    Learner,
    by_cross_validation,
    by_fit,
    by_imprinting,
    by_logistic_regression,
    by_tutorial,
)
from .settings import Settings, real_data
from .workers import Worker

PART = "accuracy"

_MAX_PER_CLASS = 48  # 80% of the 60 photos of each class
_PHOTOS_PER_CLASS = (1, 5, 10, 20, _MAX_PER_CLASS)
_DRAWS = 20

# Targets, in points
_OVER_SIMPLER = {5: 0.5, 20: 0.5}
_OVER_CROSS_VALIDATION = -0.5
_OVER_HINDSIGHT = -0.5

Accuracies = NDArray[np.float64]
"""Fractions of test photos classified correctly, one for each draw."""


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Draws training photos several times, and tests on all others."""
    data = real_data()
    if data is None:
        yield Note(PART, "skipped: there are no real photos; set CORAL_LEARN_DATA to their folder")
        return
    has_scikit_learn = find_spec("sklearn") is not None
    if not has_scikit_learn:
        yield Note(PART, "scikit-learn is not installed and was left out")
    photos = embed_flowers(data, mobilenet_v1(data))
    draws = 1 if settings.quick else _DRAWS
    with Worker(threads=1) as worker:  # more threads do not help BLAS with matrices of this size
        for per_class in (_PHOTOS_PER_CLASS[1],) if settings.quick else _PHOTOS_PER_CLASS:

            def accuracies(learner: Learner, per_class: int = per_class) -> Accuracies:
                return worker.call(_accuracies, photos, per_class, draws, learner)

            yield from _figures(per_class, accuracies, has_scikit_learn and not settings.quick)


def _figures(
    per_class: int, accuracies: Callable[[Learner], Accuracies], has_scikit_learn: bool
) -> Iterator[Figure]:
    what = f"fit, {per_class} photo{'s' if per_class > 1 else ''} per class"
    ours = accuracies(by_fit)
    simpler = _OVER_SIMPLER.get(per_class)
    yield _points(what, ours, "tutorial's recipe", accuracies(by_tutorial), simpler)
    yield _points(what, ours, "imprinting", accuracies(by_imprinting), simpler)
    if has_scikit_learn:
        each = [accuracies(partial(by_logistic_regression, c)) for c in PENALTIES]
        best = max(each, key=lambda values: float(values.mean()))
        yield _points(what, ours, "best penalty by hindsight", best, _OVER_HINDSIGHT)
        if per_class == _MAX_PER_CLASS:
            chosen = accuracies(by_cross_validation)
            yield _points(what, ours, "LogisticRegression, 5-fold", chosen, _OVER_CROSS_VALIDATION)


def _accuracies(photos: EmbeddedPhotos, per_class: int, draws: int, learner: Learner) -> Accuracies:
    fractions = []
    for seed in range(draws):
        train, test = photos.draw(per_class, seed)
        answers = learner(
            photos.embeddings[train], photos.labels[train], photos.embeddings[test], seed
        )
        fractions.append(np.mean(answers == photos.labels[test]))
    return np.array(fractions)


def _points(
    what: str, ours: Accuracies, against: str, theirs: Accuracies, at_least: float | None
) -> Figure:
    target = None if at_least is None else Target(at_least, "at least")
    return points_more(PART, what, ours, against, theirs, target)
