"""The data that a head is trained on: one row for each view of each photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dataset.split import Split
from ..embeddings import Embeddings
from ..tflite.file import ModelFile

if TYPE_CHECKING:
    from .training_photos import TrainingPhotos


class LearningTask(NamedTuple):
    """The data that a head is trained on.

    Attributes:
        extractor: The embedding extractor that the head is appended to.
        embeddings: The embeddings, [R, D]: a row for each photo, or for each view of each photo.
        labels: The class of each row, [R].
        split: The rows to train and to validate on.
        classes: The names of the classes.
        seed: The seed of the training, which makes it repeatable, or None.
        scenes: The scene of each row, [R]; the views of a photo are of one scene.
    """

    extractor: ModelFile
    embeddings: Embeddings
    labels: NDArray[np.int64]
    split: Split
    classes: Sequence[str]
    seed: int | None
    scenes: NDArray[np.int64]


def make_task(
    extractor: ModelFile, photos: TrainingPhotos, split: Split, seed: int | None
) -> LearningTask:
    """Returns the data of photos to train a head on.

    A head is trained on all views of the training photos, and validated and tested on the first
    view of the others, which the model will see.

    Args:
        extractor: The embedding extractor.
        photos: The photos.
        split: The photos of each part.
        seed: The seed of the training, or None.
    """
    if photos.other_view is None:
        return LearningTask(
            extractor, photos.embeddings, photos.labels, split, photos.classes, seed, photos.scenes
        )
    return LearningTask(
        extractor,
        Embeddings.concatenate([photos.embeddings, photos.other_view]),
        np.tile(photos.labels, 2),
        Split(photos.rows_of_views(split.train), split.validation, split.test),
        photos.classes,
        seed,
        np.tile(photos.scenes, 2),
    )
