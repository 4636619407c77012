"""How many labels that were changed at random are found again, and how fast."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from coral_learn import find_label_errors
from coral_learn.embeddings import Embeddings
from coral_learn.heads.scenes import number_scenes
from coral_learn.jobs.held_out import score_held_out

from .figures import Figure, Note, Quantity, Target, exactly, points_more, share
from .flowers import EmbeddedPhotos, Labels, Rows, embed_flowers, own_extractors
from .reliance import fit_as_train
from .settings import Settings, real_data
from .workers import Worker

_PARTS_CHANGED = (0.05, 0.1)
_DRAWS = 5
_REPEATS = 3
_ROWS, _FEATURES, _CLASSES = 3000, 1024, 5

# Targets
_FOUND = 85.0  # percent, in a list twice as long as there are wrong labels
_AGAINST_CLEANLAB = -2.0  # points
_SECONDS = 2.0

_RANKINGS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")

Ranking = Callable[[Embeddings, Labels], Rows]
"""Orders rows, the most doubtful first."""


def run(part: str, settings: Settings) -> Iterator[Figure | Note]:
    """Changes labels of the flowers several times, and looks for them."""
    yield from _times(part, settings)
    data = real_data()
    if data is None:
        yield Note(part, "label errors: skipped without real photos; set CORAL_LEARN_DATA")
        return
    has_cleanlab = bool(find_spec("cleanlab") and find_spec("sklearn"))
    if not has_cleanlab:
        yield Note(part, "cleanlab is not installed and was left out: see the group bench")
    extractors = own_extractors(data)
    draws = 1 if settings.quick else _DRAWS
    with Worker(threads=1) as worker:
        for name, extractor in extractors.items():
            photos = embed_flowers(data, extractor)
            for changed in _PARTS_CHANGED:

                def found(
                    ranking: Ranking, photos: EmbeddedPhotos = photos, changed: float = changed
                ) -> NDArray[np.float64]:
                    return worker.call(_found, photos, changed, draws, ranking)

                what = f"{changed:.0%} wrong labels, {name}"
                yield from _figures(part, what, found, has_cleanlab and not settings.quick)


def _figures(
    part: str, what: str, found: Callable[[Ranking], NDArray[np.float64]], has_cleanlab: bool
) -> Iterator[Figure]:
    ours = found(find_label_errors)
    yield share(part, f"found, {what}", ours, Target(_FOUND, "at least"), "all of them")
    if not has_cleanlab:
        return
    contenders = {
        "cleanlab, our probabilities": _our_probabilities,
        "cleanlab, LogisticRegression": _their_probabilities,
    }
    for name, probabilities in contenders.items():
        rankings = [found(partial(by_cleanlab, probabilities, each)) for each in _RANKINGS]
        best = max(rankings, key=lambda values: float(values.mean()))
        target = Target(_AGAINST_CLEANLAB, "at least")
        yield points_more(part, f"found, {what}", ours, name, best, target)


def _found(
    photos: EmbeddedPhotos, changed: float, draws: int, ranking: Ranking
) -> NDArray[np.float64]:
    """Returns the fraction of the wrong labels in a list twice as long, for each draw."""
    fractions = []
    for seed in range(draws):
        labels, wrong = _with_wrong_labels(photos.labels, changed, seed)
        first = ranking(photos.embeddings, labels)[: 2 * len(wrong)]
        fractions.append(np.isin(wrong, first).mean())
    return np.array(fractions)


def _with_wrong_labels(labels: Labels, changed: float, seed: int) -> tuple[Labels, Rows]:
    """Changes some labels to another class; returns all labels, and the rows of the wrong ones."""
    generator = np.random.default_rng(seed)
    wrong = generator.choice(len(labels), round(changed * len(labels)), replace=False)
    classes = int(labels.max()) + 1
    noisy = labels.copy()
    noisy[wrong] = (labels[wrong] + generator.integers(1, classes, len(wrong))) % classes
    return noisy, wrong


def by_cleanlab(
    probabilities: Callable[[Embeddings, Labels], NDArray[np.float64]],
    ranking: str,
    embeddings: Embeddings,
    labels: Labels,
) -> Rows:
    """Orders rows by one of cleanlab's scores."""
    from cleanlab.rank import get_label_quality_scores

    adjust = ranking != "confidence_weighted_entropy"
    scores = get_label_quality_scores(
        labels, probabilities(embeddings, labels), method=ranking, adjust_pred_probs=adjust
    )
    return np.asarray(np.argsort(scores, kind="stable"), np.int64)


def _our_probabilities(embeddings: Embeddings, labels: Labels) -> NDArray[np.float64]:
    """Returns the mean probabilities by heads that were fitted without the row, [N, C]."""
    scenes = number_scenes(embeddings, labels)
    _, score = fit_as_train(embeddings, labels, scenes, 0)
    scores = score_held_out(embeddings, labels, score, 0, scenes, _REPEATS)
    assert scores is not None
    found = np.zeros((len(labels), int(labels.max()) + 1))
    np.add.at(found, scores.photos, scores.probabilities)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _their_probabilities(embeddings: Embeddings, labels: Labels) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    found = cross_val_predict(model, np.asarray(embeddings), labels, cv=5, method="predict_proba")
    return np.asarray(found, np.float64)


def _times(part: str, settings: Settings) -> Iterator[Figure]:
    rows = _ROWS // 10 if settings.quick else _ROWS
    with Worker(threads=2) as worker:
        wall, cpu = worker.call(_least_seconds, rows, 1 if settings.quick else 9)
    for name, seconds in (("time", wall), ("time of all threads", cpu)):
        yield Figure(
            part=part,
            what=f"find_label_errors, {rows} x {_FEATURES}, {_CLASSES} classes: {name}",
            ours=Quantity(seconds, "s"),
            against="",
            theirs=None,
            result=exactly(seconds),
            meaning="s",
            target=Target(_SECONDS, "at most"),
        )


def _least_seconds(rows: int, rounds: int) -> tuple[float, float]:
    """Returns the least wall time and processor time of several runs, in seconds."""
    generator = np.random.default_rng(0)
    labels = np.arange(rows) % _CLASSES
    centers = generator.standard_normal((_CLASSES, _FEATURES))
    noise = 8 * generator.standard_normal((rows, _FEATURES))
    embeddings = (centers[labels] + noise).astype(np.float32)
    labels, _ = _with_wrong_labels(labels, 0.1, 0)
    wall, cpu = [], []
    for _ in range(rounds):
        start, used = time.perf_counter(), time.process_time()
        find_label_errors(embeddings, labels)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    return min(wall), min(cpu)
