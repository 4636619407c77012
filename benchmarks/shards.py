"""Fits to shards: how far their weights are from those of one fit to all rows."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from coral_learn import Embeddings, SoftmaxRegression
from coral_learn.distributed import MemoryShard

from .figures import Figure, Note, Quantity, Target
from .flowers import embed_flowers, mobilenet_v1
from .settings import Settings, real_data
from .synthetic import labeled_embeddings
from .timing import Ratio

PART = "shards"

_PER_CLASS = (10, 20, 48)
_SHARDS = (2, 7, 50)
_MAX_DIFFERENCE = 100.0  # parts per million of the largest weight

Rows = tuple[Embeddings, NDArray[np.int64]]


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Fits heads to all rows and to uneven shards, of which one alone has the last class."""
    data = real_data()
    if data is None or settings.quick:
        yield Note(PART, "generated embeddings instead of those of the flowers")
        yield _largest_difference("200 x 256", [labeled_embeddings(200, 256, 5, "uint8")])
        return
    photos = embed_flowers(data, mobilenet_v1(data))
    for per_class in _PER_CLASS:
        drawn = [photos.draw(per_class, seed)[0] for seed in range(settings.rounds)]
        cases = [(photos.embeddings[rows], photos.labels[rows]) for rows in drawn]
        yield _largest_difference(f"{per_class} flowers of each class", cases)


def _largest_difference(what: str, cases: list[Rows]) -> Figure:
    differences = [
        _difference(*case, count, seed) for seed, case in enumerate(cases) for count in _SHARDS
    ]
    return Figure(
        part=PART,
        what=f"{what}, {', '.join(map(str, _SHARDS))} shards",
        ours=Quantity(max(differences), "ppm"),
        against="one fit to all rows",
        theirs=None,
        result=Ratio(max(differences), min(differences), max(differences)),
        meaning="ppm",
        target=Target(_MAX_DIFFERENCE, "at most"),
    )


def _difference(embeddings: Embeddings, labels: NDArray[np.int64], count: int, seed: int) -> float:
    """Returns the largest difference between two weights; infinite if the penalties differ."""
    generator = np.random.default_rng(seed)
    is_last = labels == labels.max()
    others = generator.permutation(np.flatnonzero(~is_last))
    ends = np.sort(generator.choice(len(others), min(count, len(others)) - 1, replace=False)) + 1
    parts = np.split(np.concatenate([others, np.flatnonzero(is_last)]), ends)
    shards = [MemoryShard(embeddings[rows], labels[rows]) for rows in parts]
    new_head = partial(SoftmaxRegression, embeddings.shape[1], int(labels.max()) + 1, seed=0)
    whole, divided = new_head(), new_head()
    record, found = whole.fit(embeddings, labels), divided.fit_shards(shards)
    if found.penalty != record.penalty:
        return float("inf")
    difference = np.abs(divided.weights - whole.weights).max()
    return 1e6 * float(difference / np.abs(whole.weights).max())
