"""The photos that a model is trained and tested on, with their embeddings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset.folder import ImageFolder
from ..embeddings import Embeddings
from ..extraction.extractor import EmbeddingExtractor
from ..extraction.photo_rows import SkippedPhoto


@dataclass(frozen=True)
class TrainingPhotos:
    """The N photos of a folder that could be read.

    Attributes:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class index of each photo, [N].
        paths: The paths of the photos.
        classes: The names of the classes.
        skipped: The other photos of the folder, which could not be read.
    """

    embeddings: Embeddings
    labels: NDArray[np.int64]
    paths: list[Path]
    classes: list[str]
    skipped: list[SkippedPhoto]


def extract_training_photos(
    extractor: EmbeddingExtractor, folder: ImageFolder, report: Callable[[int, int], None]
) -> TrainingPhotos:
    """Extracts the embeddings of the photos in a folder.

    Args:
        extractor: The embedding extractor.
        folder: The photos.
        report: Called with the number of photos done and the total.

    Raises:
        ValueError: A class has no photo that could be read.
        EdgeTpuError: The device failed.
    """
    found = extractor.extract_readable(
        folder.paths, progress=lambda done, _: report(done, len(folder))
    )
    labels = folder.labels[found.kept]
    lost = [name for index, name in enumerate(folder.classes) if index not in labels]
    if lost:
        raise ValueError(
            f"{folder.path}/ has no readable photo of {', '.join(lost)} (for example, "
            f"{found.skipped[0]}). Replace the photos, or remove the folder of the class."
        )
    return TrainingPhotos(
        embeddings=found.rows,
        labels=labels,
        paths=[folder.paths[index] for index in found.kept],
        classes=folder.classes,
        skipped=found.skipped,
    )
