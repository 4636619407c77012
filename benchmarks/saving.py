"""The accuracy that a head loses in the saved model, for each kind of extractor."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from coral_learn import Embeddings, SoftmaxRegression
from coral_learn.jobs.classification import Classifier

from .figures import Figure, Note, Quantity, Target
from .flowers import EmbeddedPhotos, embed_flowers, extractors
from .heads import fitted_head, tutorial_head
from .settings import Settings, real_data
from .timing import Ratio

PART = "saving"

_TRAINED_ON = 48  # photos per class
_SEEDS = 10
_POINTS_LOST = 0.2
_HEADS = {"fit": fitted_head, "sgd": tutorial_head}

TrainHead = Callable[[Embeddings, NDArray[np.int64], int], SoftmaxRegression]


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Trains on the flowers, saves, and runs the saved model on the files of the test photos."""
    data = real_data()
    if data is None:
        yield Note(PART, "skipped: there are no real photos; set CORAL_LEARN_DATA to their folder")
        return
    seeds = range(1 if settings.quick else _SEEDS)
    kinds = extractors(data)
    for kind in ["MobileNet v1 0.25/128"] if settings.quick else kinds:
        photos = embed_flowers(data, kinds[kind])
        for method, train_head in _HEADS.items():
            accuracies = [_accuracies(kinds[kind], photos, train_head, seed) for seed in seeds]
            yield _figure(f"{method}, {kind}", *zip(*accuracies, strict=True))


def _accuracies(
    extractor: bytes, photos: EmbeddedPhotos, train_head: TrainHead, seed: int
) -> tuple[float, float]:
    """Returns the accuracy of the float head and of the saved model on the same photos."""
    train, test = photos.draw(_TRAINED_ON, seed)
    head = train_head(photos.embeddings[train], photos.labels[train], seed)
    with Classifier(head.serialize_model(extractor)) as classifier:
        scores = classifier.scores([photos.paths[row] for row in test])
    labels = photos.labels[test]
    saved = float(np.mean(scores.argmax(axis=1) == labels))
    return head.get_accuracy(photos.embeddings[test], labels), saved


def _figure(what: str, floating: tuple[float, ...], saved: tuple[float, ...]) -> Figure:
    lost = [100 * (before - after) for before, after in zip(floating, saved, strict=True)]
    return Figure(
        part=PART,
        what=what,
        ours=Quantity(float(np.mean(saved)), "%"),
        against="float head",
        theirs=Quantity(float(np.mean(floating)), "%"),
        result=Ratio(float(np.mean(lost)), min(lost), max(lost)),
        meaning="points lost",
        target=Target(_POINTS_LOST, "at most"),
    )
