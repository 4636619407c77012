"""How well photos of a kind of flower that a model never saw are told from those of the others."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from coral_learn import EmbeddingExtractor, Embeddings, SoftmaxRegression
from coral_learn.heads.familiarity import fit_familiarity
from coral_learn.heads.folds import make_folds
from coral_learn.heads.strangers import MAX_DIRECTIONS, familiarity, fit_moments, strangeness
from coral_learn.jobs.drawn_background import draw_background
from coral_learn.jobs.stranger_test import auroc
from coral_learn.tflite.familiarity_note import LOW_FAMILIARITY, MAX_BYTES, note_bytes

from .figures import Figure, Note, Target, points_more, share
from .flowers import EmbeddedPhotos, Labels, Rows, embed_flowers, own_extractors
from .settings import Settings, real_data
from .workers import Worker

_SIZES = (10, 20, 48)  # photos of each class
_SIZE = 48  # of which the class "none" is measured
_DRAWS = 5
_UNIFORM_SIZES, _UNIFORM_DRAWS = (10, 20, 40), 20

# Targets
_BETTER = 0.0  # points, than the largest probability
_EXPECTED, _TOLERANCE = 100 * LOW_FAMILIARITY, 2.0  # percent of photos like those of the training


def run(part: str, settings: Settings) -> Iterator[Figure | Note]:
    """Leaves out each flower in turn, in several draws."""
    data = real_data()
    if data is None:
        yield Note(part, "strangers: skipped without real photos; set CORAL_LEARN_DATA")
        return
    extractors = own_extractors(data)
    draws = 1 if settings.quick else _DRAWS
    with Worker(threads=1) as worker:
        for name, extractor in extractors.items():
            photos = embed_flowers(data, extractor)
            for size in _SIZES:
                ours, theirs = worker.call(_aurocs, photos, size, draws)
                what = f"strangers noticed, {size} photos a class, {name}"
                yield points_more(
                    part,
                    what,
                    ours.mean(axis=0),
                    "largest probability",
                    theirs.mean(axis=0),
                    Target(_BETTER, "at least"),
                )
                yield share(part, f"{what}, the hardest class", ours.min(axis=0))
            for size in _UNIFORM_SIZES:
                low = worker.call(_low, photos, size, 1 if settings.quick else _UNIFORM_DRAWS)
                what = f"photos of known flowers that are unfamiliar, {size} a class, {name}"
                yield share(part, what, low, Target(_EXPECTED + _TOLERANCE, "at most"))
            refused = worker.call(_refused_by_drawn, photos, extractor, draws)
            what = f"strangers refused by a drawn class none, {name}"
            yield share(part, what, refused)
            what = f"strangers refused by a further flower as class none, {name}"
            yield share(part, what, worker.call(_refused_by_own, photos, draws))
    part_of_room = note_bytes(1024, 5, MAX_DIRECTIONS) / MAX_BYTES
    what = f"of {MAX_BYTES // 1000} kB, what a model of 1024 features keeps of its photos"
    yield share(part, what, np.array([part_of_room]), Target(100.0, "at most"))


def _draw(photos: EmbeddedPhotos, size: int, seed: int, out: int) -> tuple[Rows, Rows, Labels]:
    """Draws photos without a class; returns their rows, all others, and the remaining labels."""
    train, others = photos.draw(size, seed)
    labels = photos.labels - (photos.labels > out)
    return train[photos.labels[train] != out], others, labels


def _head(embeddings: Embeddings, labels: Labels) -> SoftmaxRegression:
    head = SoftmaxRegression(embeddings.shape[1], int(labels.max()) + 1, seed=0)
    head.fit(embeddings, labels)
    return head


def _aurocs(
    photos: EmbeddedPhotos, size: int, draws: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the AUROC of ours and of the largest probability, [class, draw]."""
    classes = int(photos.labels.max()) + 1
    ours, theirs = np.zeros((2, classes, draws))
    for out in range(classes):
        strange = photos.embeddings[photos.labels == out]
        for seed in range(draws):
            train, others, labels = _draw(photos, size, seed, out)
            known = photos.embeddings[others[photos.labels[others] != out]]
            rows, given = photos.embeddings[train], labels[train]
            moments = fit_moments(rows, given)
            assert moments is not None
            ours[out, seed] = auroc(strangeness(moments, known), strangeness(moments, strange))
            head = _head(rows, given)
            doubts = [-head.predict_proba(each).max(axis=1) for each in (known, strange)]
            theirs[out, seed] = auroc(doubts[0].astype(float), doubts[1].astype(float))
    return ours, theirs


def _low(photos: EmbeddedPhotos, size: int, draws: int) -> NDArray[np.float64]:
    """Returns how many photos of known flowers are of low familiarity, for each draw."""
    found = []
    for seed in range(draws):
        train, others = photos.draw(size, seed)
        data = photos.embeddings[train], photos.labels[train]
        known = fit_familiarity(*data, make_folds(data[1], None, np.random.default_rng(seed)))
        assert known is not None
        found.append((familiarity(known, photos.embeddings[others]) < LOW_FAMILIARITY).mean())
    return np.array(found)


def _refused_by_drawn(photos: EmbeddedPhotos, extractor: bytes, draws: int) -> NDArray[np.float64]:
    """Returns how many photos of the class that is left out are named none, for each draw."""
    found = []
    with EmbeddingExtractor(extractor) as model:
        for out in range(int(photos.labels.max()) + 1):
            for seed in range(draws):
                train, _, labels = _draw(photos, _SIZE, seed, out)
                drawn = draw_background([photos.paths[row] for row in train], _SIZE)
                pictures = model.extract(sorted(drawn.path.iterdir()))
                none = int(labels[train].max()) + 1
                head = _head(
                    Embeddings.concatenate([photos.embeddings[train], pictures]),
                    np.concatenate([labels[train], np.full(_SIZE, none)]),
                )
                strange = photos.embeddings[photos.labels == out]
                found.append((head.predict(strange) == none).mean())
    return np.array(found)


def _refused_by_own(photos: EmbeddedPhotos, draws: int) -> NDArray[np.float64]:
    """Returns the same for a class none with photos of a further class."""
    found = []
    for out, none in permutations(range(int(photos.labels.max()) + 1), 2):
        for seed in range(draws):
            train, _, labels = _draw(photos, _SIZE, seed, out)
            head = _head(photos.embeddings[train], labels[train])
            strange = photos.embeddings[photos.labels == out]
            found.append((head.predict(strange) == none - (none > out)).mean())
    return np.array(found)
