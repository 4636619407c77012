"""The accuracy that the built-in extractor gives on real photos."""

from pathlib import Path

import numpy as np
import pytest

from coral_learn import (
    EmbeddingCache,
    EmbeddingExtractor,
    ImageFolder,
    SoftmaxRegression,
    retrain,
)

pytestmark = pytest.mark.slow_when_emulated

DRAWS = 16
PHOTOS_PER_CLASS = 5


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> EmbeddingCache:
    return EmbeddingCache(tmp_path_factory.mktemp("cache"))


def test_all_photos(cache: EmbeddingCache, data_dir: Path, tmp_path: Path) -> None:
    saved = [
        retrain(
            data_dir / "flowers", None, tmp_path / str(seed), seed=seed, cache=cache
        ).accuracy.test_saved
        for seed in range(5)
    ]
    assert np.array(saved, float).mean() >= 0.86


def test_few_photos(cache: EmbeddingCache, data_dir: Path) -> None:
    photos = ImageFolder(data_dir / "flowers")
    labels = np.asarray(photos.labels)
    with EmbeddingExtractor(cache=cache) as opened:
        embeddings = np.asarray(opened.extract(photos.paths))
    accuracies = []
    for draw in range(DRAWS):
        random = np.random.default_rng(draw)
        chosen = np.concatenate(
            [
                random.choice(np.flatnonzero(labels == each), PHOTOS_PER_CLASS, replace=False)
                for each in range(len(photos.classes))
            ]
        )
        others = np.setdiff1d(np.arange(len(labels)), chosen)
        head = SoftmaxRegression(embeddings.shape[1], len(photos.classes), seed=0)
        head.fit(embeddings[chosen], labels[chosen])
        accuracies.append(head.get_accuracy(embeddings[others], labels[others]))
    assert np.mean(accuracies) >= 0.70
