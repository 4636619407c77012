"""The photos that a retraining learns from, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..dataset.folder import ImageFolder
from ..extraction.cache import EmbeddingCache
from ..extraction.photo_rows import PhotoRows
from ..progress import Progress
from ..tflite.file import ModelFile
from ..tflite.normalization import Normalization
from ..tflite.resizing import Resize
from .background import NoneOfThese
from .engines import EngineOptions
from .learning_task import LearningTask
from .methods import TrainedHead
from .training_photos import TrainingPhotos

Test = Callable[
    [ModelFile, NDArray[np.int64], Callable[[int, int], None]], PhotoRows[NDArray[np.float32]]
]
"""Runs a saved model on some of the photos: the model, their rows, and a report of the progress."""

Train = Callable[[LearningTask, Callable[[int, int], None]], TrainedHead]
"""Trains a head: what to train it for, and a report of the progress, whose total may be 0."""


class PhotoSettings(NamedTuple):
    """How photos are to be seen, as for :func:`coral_learn.retrain`.

    Attributes:
        tensor_name: The tensor to take as the embedding.
        normalization: How pixels are normalized; None for what the extractor says or is measured.
        resize: How photos are resized; None for what the extractor says.
        device: The device.
        cache: A cache for embeddings.
        none_of_these: Photos of anything else.
        validation: The fraction of the photos to validate on.
        test: The fraction of the photos to test on.
        seed: The seed of what is drawn.
        engine: What fits the head to a folder of embedded photos.
    """

    tensor_name: str | None
    normalization: Normalization | None
    resize: Resize | None
    device: str | None
    cache: EmbeddingCache | None
    none_of_these: NoneOfThese | None
    validation: float
    test: float
    seed: int | None
    engine: EngineOptions


class LearningPhotos(NamedTuple):
    """Photos with their embeddings, and what is needed to make and test a model.

    Attributes:
        folder: The photos as they were listed.
        photos: Those that are used.
        extractor: The extractor, with notes about how it sees photos.
        digest: The SHA-256 of the extractor as it was given, in hexadecimal digits.
        device: What ran the extractor.
        resize: How photos were resized.
        notes: Facts that the user should know, a sentence each.
        test: Runs a saved model on some of the photos.
        train: Trains the head, if the photos are a sample of too many for memory; None otherwise.
        total: The number of all photos; None for those in ``photos``.
    """

    folder: ImageFolder
    photos: TrainingPhotos
    extractor: ModelFile
    digest: str
    device: str
    resize: Resize
    notes: list[str]
    test: Test
    train: Train | None = None
    total: int | None = None


class FoundPhotos(Protocol):
    """Photos that were found, and are not read yet."""

    @property
    def path(self) -> Path:
        """The folder or the file that they are in."""
        ...

    def take(self, progress: Progress) -> LearningPhotos:
        """Reads the photos, with their embeddings."""
        ...
