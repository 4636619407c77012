"""The embeddings of the flowers, and random choices of a few of them for training."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from coral_learn import EmbeddingExtractor, Embeddings, ImageFolder, create_embedding_extractor
from coral_learn.extraction.builtin_extractor import builtin_extractor

Rows = NDArray[np.int64]
Labels = NDArray[np.int64]

_EXTRACTOR = "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
_CLASSIFIERS = {
    "MobileNet v1 0.25/128": "mobilenet_v1_0.25_128_quant.tflite",
    "MobileNet v2": "mobilenet_v2_1.0_224_quant.tflite",
    "MobileNet v2, int8 inside": "tf2_mobilenet_v2_1.0_224_ptq.tflite",
}


@dataclass(frozen=True)
class EmbeddedPhotos:
    """Photos, their classes and their embeddings."""

    paths: list[Path]
    labels: Labels
    embeddings: Embeddings

    def draw(self, per_class: int, seed: int) -> tuple[Rows, Rows]:
        """Draws ``per_class`` photos of each class; returns their rows, and those of all others."""
        shuffled = np.random.default_rng(seed).permutation(len(self.labels))
        train = np.concatenate(
            [
                shuffled[self.labels[shuffled] == label][:per_class]
                for label in np.unique(self.labels)
            ]
        )
        return train, np.setdiff1d(shuffled, train)


def mobilenet_v1(data: Path) -> bytes:
    """Returns the extractor of the tutorial."""
    return (data / "models" / _EXTRACTOR).read_bytes()


def own_extractors(data: Path) -> dict[str, bytes]:
    """Returns the extractor of the tutorial, and the one that the package has."""
    return {
        "MobileNet v1": mobilenet_v1(data),
        "built-in extractor": builtin_extractor().read_bytes(),
    }


def extractors(data: Path) -> dict[str, bytes]:
    """Returns an extractor of each kind of model."""
    cut = {
        name: create_embedding_extractor(data / "models" / file)
        for name, file in _CLASSIFIERS.items()
    }
    return {"MobileNet v1": mobilenet_v1(data)} | cut


def embed_flowers(data: Path, extractor: bytes) -> EmbeddedPhotos:
    """Extracts the embeddings of all flowers."""
    folder = ImageFolder(data / "flowers")
    with EmbeddingExtractor(extractor) as model:
        return EmbeddedPhotos(folder.paths, folder.labels, model.extract(folder.paths))


def many_flowers(data: Path, count: int) -> tuple[Embeddings, Labels]:
    """Returns the embeddings and classes of random crops of the flowers, some mirrored."""
    folder = ImageFolder(data / "flowers")
    chosen = np.resize(np.arange(len(folder)), count)
    crops = (_crop(folder.paths[row], seed) for seed, row in enumerate(chosen))
    with EmbeddingExtractor(mobilenet_v1(data)) as model:
        return model.extract(crops), folder.labels[chosen]


def _crop(path: Path, seed: int) -> Image.Image:
    """Returns a part of a photo, at least 0.7 times as wide and high."""
    generator = np.random.default_rng(seed)
    photo = Image.open(path).convert("RGB")
    size = generator.uniform(0.7, 1.0, 2) * photo.size
    left, top = generator.uniform(0, photo.size - size)
    crop = photo.crop((left, top, left + size[0], top + size[1]))
    return ImageOps.mirror(crop) if generator.random() < 0.5 else crop
