"""Evaluation: how often a classifier is right on photos whose class is known."""

import os
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import ImageFolder
from ..extraction.cache import EmbeddingCache
from ..extraction.photo_rows import SkippedPhoto
from ..progress import Progress
from ..tflite.file import ModelFile, ModelSource
from ..tflite.normalization import NormalizationLike
from .classification import Classifier, LabelSource
from .confusion import confusion_matrix
from .input_range import measure_classifier


@dataclass(frozen=True)
class Evaluation:
    """How often a classifier is right on photos whose class is known.

    Attributes:
        accuracy: The fraction of photos whose most probable class is their own, in [0, 1].
        images: The number of photos that could be read.
        classes: The names of the model's classes.
        confusion: The number of photos by true class (row) and predicted class (column).
        skipped: The photos that could not be read.
        notes: Facts to tell the user, such as the input range that was measured.
    """

    accuracy: float
    images: int
    classes: list[str]
    confusion: list[list[int]]
    skipped: list[SkippedPhoto]
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Returns the result as plain types, as ``coral-learn evaluate --json`` prints it."""
        return asdict(self)


def evaluate(
    model: ModelSource,
    data_dir: str | os.PathLike[str],
    *,
    labels: LabelSource | None = None,
    device: str | None = None,
    cache: EmbeddingCache | None = None,
    progress: bool | Progress = False,
    normalization: NormalizationLike | None = None,
) -> Evaluation:
    """Measures a classifier on photos in class folders.

    A folder has the photos of the model's class of the same name. For a model without labels, the
    folders in sorted order have the photos of its classes in order.

    Args:
        model: The path of a ``.tflite`` file, or its bytes.
        data_dir: A folder with one folder of photos for each class.
        labels: The names of the classes; by default the labels inside the model.
        device: A device as for :func:`coral_learn.edgetpu.make_interpreter`.
        cache: A cache for the scores.
        progress: True for a bar on standard error, or a function to call with (done, total).
        normalization: How pixels are normalized, as for :class:`coral_learn.EmbeddingExtractor`. By
            default, where a float model shows nothing, the usual ranges are tried on up to 100 of
            the photos, and the one with the best accuracy is used.

    Raises:
        ValueError: The photos or the normalization cannot be used, or a folder is not a class of
            the model.
        ModelError: The model cannot be used.
        EdgeTpuError: The device failed.
    """
    photos = ImageFolder(data_dir)
    file = ModelFile.open(model)
    notes = []
    if normalization is None and file.has_unknown_range:
        measured = measure_classifier(
            file,
            photos.paths,
            photos.labels,
            lambda each: Classifier(file, labels=labels, device=device, normalization=each),
            lambda classifier: _class_ids(photos, classifier),
        )
        normalization = measured.normalization
        notes.append(measured.note)
    with Classifier(
        file, labels=labels, device=device, cache=cache, normalization=normalization
    ) as classifier:
        class_ids = _class_ids(photos, classifier)
        found = classifier.score_readable(photos.paths, progress=progress)
    if not len(found.rows):
        raise ValueError(
            f"none of the {len(photos)} photos in {photos.path} could be read (for example, "
            f"{found.skipped[0]}). Replace the photos, or choose another folder."
        )
    photo_classes, answers = class_ids[photos.labels[found.kept]], found.rows.argmax(axis=1)
    return Evaluation(
        accuracy=float(np.mean(photo_classes == answers)),
        images=len(found.rows),
        classes=[classifier.label(index) for index in range(classifier.num_classes)],
        confusion=confusion_matrix(photo_classes, answers, classifier.num_classes).tolist(),
        skipped=found.skipped,
        notes=notes,
    )


def _class_ids(photos: ImageFolder, classifier: Classifier) -> NDArray[np.int64]:
    """Returns the model's class index for each class folder."""
    if classifier.labels is None:
        if len(photos.classes) != classifier.num_classes:
            raise ValueError(
                f"{photos.path} has {len(photos.classes)} class folders, but the model has "
                f"{classifier.num_classes} classes and no labels. Pass a label file with the names "
                "of the model's classes."
            )
        return np.arange(len(photos.classes))
    known = {name: k for k, name in enumerate(classifier.labels[: classifier.num_classes])}
    unknown = [name for name in photos.classes if name not in known]
    if unknown:
        raise ValueError(
            f"{photos.path} has folders that are not classes of the model: "
            f"{', '.join(unknown)}. Its classes are {', '.join(classifier.labels[:10])}"
            f"{'...' if len(known) > 10 else ''}. Rename or remove these folders."
        )
    return np.array([known[name] for name in photos.classes])
