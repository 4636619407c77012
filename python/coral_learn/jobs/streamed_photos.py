"""Learning from more embedded photos than memory has room for, or from those on a cluster."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..dataset.split import Split
from ..distributed.parquet_rows import ParquetRows
from ..distributed.parquet_shard import divide, open_shards
from ..distributed.parts import TEST, TRAIN, VALIDATION, PartChoice, choose_parts
from ..embedded.folder import EmbeddedFolder
from ..embedded.image_folder import read_images
from ..extraction.photo_rows import PhotoRows
from ..heads.class_means import class_means
from ..heads.shard import Shard
from ..heads.softmax_regression import SoftmaxRegression
from ..heads.state import calibration_sample
from ..machine import usable_cpus
from ..progress import Progress
from ..tflite.file import ModelFile
from ..tflite.head.append import append_softmax_head
from ..tflite.open_extractor import OpenedExtractor
from ..tflite.resizing import Resize
from .embedded_photos import DEVICE, TESTED, seen_as, test_embedded
from .learning_photos import LearningPhotos, PhotoSettings
from .learning_task import LearningTask
from .methods import TrainedHead
from .training_photos import take_training_photos

_SAMPLED = 4000  # photos of each part, for the accuracies and the report
_MIN_OF_CLASS = 20  # photos of each class in the sample of each part, if there are so many


@dataclass(frozen=True)
class PhotosStreamed:
    """A large folder of embedded photos that was opened, and is not read yet.

    Attributes:
        embedded: The folder.
        opened: The extractor.
        settings: How to divide the photos, and where to fit the head.
    """

    embedded: EmbeddedFolder
    opened: OpenedExtractor
    settings: PhotoSettings

    @property
    def path(self) -> Path:
        """The folder."""
        return self.embedded.path

    def take(self, progress: Progress) -> LearningPhotos:
        """Reads what is known of all rows, and the embeddings of a sample of them."""
        wanted, folder = self.settings, self.embedded
        choice = choose_parts(folder.splits(), wanted.validation, wanted.test, wanted.seed)
        rows = divide(folder, choice, usable_cpus())
        with ThreadPoolExecutor(len(rows)) as pool:
            found = list(pool.map(lambda each: each.index, rows))
        labels = np.concatenate([each.labels for each in found])
        parts = np.concatenate([each.parts for each in found])
        chosen = draw_sample(labels, parts, wanted.seed)
        images = read_images(folder, chosen)
        part_of = parts[chosen][images.rows]
        images.folder.split = Split(
            *(np.flatnonzero(part_of == part) for part in (TRAIN, VALIDATION, TEST))
        )
        count = len(images.folder)
        sampled = PhotoRows([images.embeddings], np.arange(count), [], images.digests)
        photos = take_training_photos(images.folder, sampled)
        progress(len(folder), len(folder))
        where = "from their files" if wanted.engine.engine == "local" else "on Ray"
        note = (
            f"the head is fitted to all of the {np.count_nonzero(parts == TRAIN)} photos to train "
            f"on, {where}; the accuracies and the report are those of a sample of {count} photos"
        )
        return LearningPhotos(
            images.folder,
            photos,
            seen_as(folder.description, self.opened.model),
            folder.description.extractor,
            DEVICE,
            cast("Resize", folder.description.resize),
            [*self.opened.notes, *photos.notes, TESTED, note],
            functools.partial(test_embedded, photos),
            functools.partial(self._train, rows, choice),
            len(folder),
        )

    def _train(
        self,
        rows: Sequence[ParquetRows],
        choice: PartChoice,
        task: LearningTask,
        report: Callable[[int, int], None],
    ) -> TrainedHead:
        options = self.settings.engine
        if options.engine == "local":
            trained = [each for each in rows if each.trained_groups]
            return fit_to_shards(open_shards(trained), task, report)
        from ..distributed.ray_cluster import connect  # an extra
        from ..distributed.ray_shard import open_on_ray

        with closing(connect(options.address, options.workers)) as cluster:
            return fit_to_shards(open_on_ray(rows, choice, cluster.workers), task, report)


def draw_sample(
    labels: NDArray[np.int32], parts: NDArray[np.int8], seed: int | None
) -> NDArray[np.bool_]:
    """Draws rows of each part, among them some of each class.

    Args:
        labels: The class of each row, [N].
        parts: The part of each row, [N].
        seed: The same seed draws the same rows.

    Returns:
        Whether each row was drawn, [N].
    """
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for part in (TRAIN, VALIDATION, TEST):
        rows = generator.permutation(np.flatnonzero(parts == part))
        chosen[rows[:_SAMPLED]] = True
        for label in range(int(labels.max()) + 1):
            chosen[rows[labels[rows] == label][:_MIN_OF_CLASS]] = True
    return chosen


def fit_to_shards(
    shards: Sequence[Shard], task: LearningTask, report: Callable[[int, int], None]
) -> TrainedHead:
    """Fits a head to shards.

    Args:
        shards: The rows to train on.
        task: A sample of the photos, and the extractor.
        report: Called with the number of iterations done, and 0.
    """
    head = SoftmaxRegression(task.embeddings.shape[1], len(task.classes), seed=task.seed)
    head.labels = list(task.classes)
    record = head.fit_shards(shards, progress=lambda iteration, _: report(iteration, 0))
    rows = task.embeddings[task.split.train]
    means = class_means(rows, task.labels[task.split.train], len(task.classes))

    def to_model() -> ModelFile:
        return append_softmax_head(
            task.extractor,
            head.weights,
            head.biases,
            calibration=calibration_sample(rows),
            labels=head.labels,
            class_means=means,
        )

    return TrainedHead(
        head,
        to_model,
        list(enumerate(record.losses)),
        f"fitted to shards with an L2 penalty of {record.penalty:g}",
        None,
    )
