"""Running a retrained model: which class a photo shows, and how often the model is right."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import ImageFolder, Skipped
from ..extraction.cache import EmbeddingCache
from ..extraction.image_model import ImageModel, OnError
from ..extraction.images import ImageSource
from ..labels import label_list, read_label_file
from ..progress import Progress
from ..tflite.file import ModelSource, read_model_content
from ..tflite.labels import read_labels

LabelSource = str | os.PathLike[str] | Sequence[str] | Mapping[int, str]
"""Labels: the path of a label file, a list of names, or names by class index."""


@dataclass(frozen=True)
class Class:
    """One answer of a classifier.

    Attributes:
        id: The class index.
        label: The name of the class, or its index in digits where the model has no labels.
        score: The probability that the model gives it, in [0, 1].
    """

    id: int
    label: str
    score: float


@dataclass(frozen=True)
class Evaluation:
    """How often a classifier is right on photos whose class is known.

    Attributes:
        accuracy: The fraction of photos whose best class is the true one.
        images: The number of photos that could be read.
        classes: The names of the model's classes.
        confusion: Photos by true class (row) and by the model's answer (column).
        skipped: The photos that could not be read.
    """

    accuracy: float
    images: int
    classes: list[str]
    confusion: list[list[int]]
    skipped: list[Skipped]

    def to_json(self) -> dict[str, Any]:
        """Returns the result as plain types, as ``coral-learn evaluate --json`` prints it."""
        return asdict(self)


class Classifier:
    """A classifier of photos, from a ``.tflite`` file.

    Use it in a ``with`` statement, or call :meth:`close`, to free the interpreters.

    Attributes:
        labels: The names of the classes, or None.
        num_classes: The number of classes.
    """

    def __init__(
        self,
        model: ModelSource,
        *,
        labels: LabelSource | None = None,
        device: str | None = None,
        cache: EmbeddingCache | None = None,
    ) -> None:
        """Loads a classifier.

        Args:
            model: The path of a ``.tflite`` file, or its bytes.
            labels: The names of the classes; by default those that the model carries.
            device: As for :func:`coral_learn.edgetpu.make_interpreter`.
            cache: Where the scores of photos seen before are kept.

        Raises:
            ModelError: The model cannot be used.
            EdgeTpuError: The device failed.
            OSError, ValueError: The label file cannot be read.
        """
        content = read_model_content(model)
        self.labels = _named(labels) if labels is not None else read_labels(content)
        self._model = ImageModel(content, device=device, cache=cache)
        self.num_classes = self._model.output_size

    def __enter__(self) -> "Classifier":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the interpreters."""
        self._model.close()

    def label(self, index: int) -> str:
        """Returns the name of a class, or its index in digits where there is none."""
        if self.labels is not None and index < len(self.labels):
            return self.labels[index]
        return str(index)

    def scores(
        self,
        images: Iterable[ImageSource],
        *,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> NDArray[np.float32]:
        """Returns the probability of each class for each photo, float32 [N, C].

        Args:
            images: As for :meth:`coral_learn.EmbeddingExtractor.extract`.
            progress: Whether to show a bar on standard error, or what to call with (done, total).
            on_error: Called with the index and the error of a photo that cannot be read, which is
                then left out; by default the error is raised.
        """
        return np.asarray(self._model.run(images, progress=progress, on_error=on_error), np.float32)

    def classify(
        self,
        images: Iterable[ImageSource],
        *,
        top_k: int = 1,
        threshold: float = 0.0,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> list[list[Class]]:
        """Returns the ``top_k`` likeliest classes of each photo, likeliest first.

        Classes with a probability under ``threshold`` are left out: nothing is left of a photo that
        the model does not know. :attr:`coral_learn.Project.step` has a threshold that lets 95% of
        the right answers pass. The other arguments are those of :meth:`scores`.

        Raises:
            ValueError: ``top_k`` is less than 1, ``threshold`` is outside [0, 1], or a photo cannot
                be read.
        """
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be in [0, 1], not {threshold}")
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        scores = self.scores(images, progress=progress, on_error=on_error)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :top_k]
        return [
            [Class(int(k), self.label(int(k)), float(row[k])) for k in order if row[k] >= threshold]
            for row, order in zip(scores, best, strict=True)
        ]


def evaluate(
    model: ModelSource,
    data_dir: str | os.PathLike[str],
    *,
    labels: LabelSource | None = None,
    device: str | None = None,
    cache: EmbeddingCache | None = None,
    progress: bool | Progress = False,
) -> Evaluation:
    """Measures a classifier on photos in class folders.

    A folder stands for the model's class of the same name; for a model without labels, the folders
    in sorted order stand for its classes in order.

    Raises:
        ValueError: The photos cannot be used, or a folder is not a class of the model.
        ModelError: The model cannot be used.
        EdgeTpuError: The device failed.
    """
    photos = ImageFolder(data_dir)
    reasons: dict[int, str] = {}
    with Classifier(model, labels=labels, device=device, cache=cache) as classifier:
        class_ids = _class_ids(photos, classifier)
        scores = classifier.scores(
            photos.paths,
            progress=progress,
            on_error=lambda index, error: reasons.update({index: error.reason}),
        )
    if not len(scores):
        raise ValueError(f"none of the {len(photos)} photos in {photos.path} could be read")
    kept = [index for index in range(len(photos)) if index not in reasons]
    truth, answers = class_ids[photos.labels[kept]], scores.argmax(axis=1)
    confusion = np.zeros((classifier.num_classes, classifier.num_classes), np.int64)
    np.add.at(confusion, (truth, answers), 1)
    return Evaluation(
        accuracy=float(np.mean(truth == answers)),
        images=len(kept),
        classes=[classifier.label(index) for index in range(classifier.num_classes)],
        confusion=confusion.tolist(),
        skipped=[Skipped(str(photos.paths[i]), reasons[i]) for i in sorted(reasons)],
    )


def _named(labels: LabelSource) -> list[str]:
    if isinstance(labels, str | os.PathLike):
        labels = read_label_file(labels)
    return label_list(labels) if isinstance(labels, Mapping) else list(labels)


def _class_ids(photos: ImageFolder, classifier: Classifier) -> NDArray[np.int64]:
    """Returns the model's class index for each class folder."""
    if classifier.labels is None:
        if len(photos.classes) != classifier.num_classes:
            raise ValueError(
                f"the model has {classifier.num_classes} classes and no labels, and "
                f"{photos.path} has {len(photos.classes)} class folders: give a label file"
            )
        return np.arange(len(photos.classes))
    known = {name: k for k, name in enumerate(classifier.labels[: classifier.num_classes])}
    unknown = [name for name in photos.classes if name not in known]
    if unknown:
        raise ValueError(
            f"{photos.path} has folders that are not classes of the model: "
            f"{', '.join(unknown)}; its classes are {', '.join(classifier.labels[:10])}"
            + ("..." if len(known) > 10 else "")
        )
    return np.array([known[name] for name in photos.classes])
