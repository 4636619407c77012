"""Evaluation: how often a classifier is right on photos whose class is known."""

import functools
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset.class_names import class_name
from ..dataset.folder import ImageFolder
from ..embedded.folder import is_embedded
from ..extraction.cache import EmbeddingCache
from ..extraction.photo_rows import SkippedPhoto
from ..progress import Progress
from ..tflite.file import ModelFile, ModelSource
from ..tflite.image_shape import InputSize
from ..tflite.normalization import NormalizationLike
from ..tflite.output_kind import OutputKind
from ..tflite.resizing import View
from ..words import counted, percent, quoted
from .class_labels import check_label_count, own_classes
from .classification import Classifier, LabelSource
from .confusion import confusion_matrix
from .interval import Interval, accuracy_interval
from .photo_record import read_seen_digests


@dataclass(frozen=True)
class PartAccuracy:
    """The accuracy on some of the photos.

    Attributes:
        images: The number of these photos.
        accuracy: The fraction of them that is classified correctly, or None without photos.
        interval: The 95% confidence interval of the accuracy, or None without photos.
    """

    images: int
    accuracy: float | None
    interval: Interval | None

    @classmethod
    def of_answers(cls, right: NDArray[np.bool_]) -> "PartAccuracy":
        """Returns the accuracy of answers, each right or wrong."""
        if not len(right):
            return cls(0, None, None)
        interval = accuracy_interval(int(right.sum()), len(right))
        return cls(len(right), float(np.mean(right)), interval)


@dataclass(frozen=True)
class Evaluation:
    """How often a classifier is right on photos whose class is known.

    Attributes:
        accuracy: The fraction of photos whose most probable class is their own, in [0, 1].
        images: The number of photos that could be read.
        classes: The names of the model's classes.
        confusion: The number of photos by true class (row) and predicted class (column).
        skipped: The photos that could not be read.
        interval: The 95% confidence interval of the accuracy.
        seen: The accuracy on the photos that the model was trained on, by ``photos.csv`` beside the
            model; None if there is no such file.
        new: The accuracy on the other photos, or None likewise.
        notes: Facts that the user should know, a sentence each.

    Examples:
        >>> from coral_learn import evaluate
        >>> result = evaluate("retrained/retrained_model.tflite", "test_photos")
        >>> result.classes, len(result.confusion)
        (['daisy', 'roses', 'tulips'], 3)
        >>> result.to_json()["images"]
        12
    """

    accuracy: float
    images: int
    classes: list[str]
    confusion: list[list[int]]
    skipped: list[SkippedPhoto]
    interval: Interval
    seen: PartAccuracy | None = None
    new: PartAccuracy | None = None
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        classes = counted(len(self.classes), "class", "classes")
        return f"Evaluation({percent(self.accuracy)} of {counted(self.images, 'photo')}, {classes})"

    def _repr_html_(self) -> str:
        from .evaluation_table import evaluation_table  # only notebooks ask for HTML

        return evaluation_table(self)

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
    input_size: InputSize | None = None,
    progress: bool | Progress = False,
    normalization: NormalizationLike | None = None,
    resize: View | None = None,
) -> Evaluation:
    """Measures a classifier on photos in class folders.

    A folder has the photos of the model's class of the same name. For a model without labels, that
    is the index of the class; if the folders have other names, they are taken for the classes in
    order, and a note says so. If several classes of the model have the same name, each is right.

    Args:
        model: The path of a ``.tflite`` file, or its bytes.
        data_dir: A folder with one folder of photos for each class, or anything else that
            :class:`coral_learn.ImageFolder` reads, or a folder of embedded photos of the extractor
            that the model was made from. Of a split, the test part is used, or else the
            validation part.
        labels: The names of the classes; by default the labels inside the model.
        device: A device as for :func:`coral_learn.edgetpu.make_interpreter`.
        cache: A cache for the scores.
        input_size: See :class:`Classifier`.
        progress: True for a bar on standard error, or a function to call with (done, total).
        normalization: How pixels are normalized, as for :class:`coral_learn.EmbeddingExtractor`. By
            default, where a float model shows nothing, the usual ranges are tried on up to 100 of
            the photos, and the one with the best accuracy is used.
        resize: What the model sees of a photo, as for :class:`coral_learn.EmbeddingExtractor`.

    Returns:
        The accuracy with its interval, the confusion matrix, and what was skipped.

    Raises:
        ValueError: The photos, the normalization or ``resize`` cannot be used, or a folder is not a
            class of the model.
        ModelError: The model cannot be used.
        EdgeTpuError: The device failed.

    Examples:
        >>> import coral_learn
        >>> coral_learn.evaluate("retrained/retrained_model.tflite", "test_photos", device="cpu")
        Evaluation(...% of 12 photos, 3 classes)
    """
    file = ModelFile.open(model)
    embedded = None
    if is_embedded(data_dir):
        from .embedded_evaluation import EmbeddedTest  # an extra

        embedded = EmbeddedTest(data_dir, file)
    photos = ImageFolder(data_dir) if embedded is None else embedded.folder
    rows, notes = _rows_to_test(photos)
    open_classifier = functools.partial(
        Classifier, file, labels=labels, device=device, input_size=input_size, resize=resize
    )
    if embedded is None and normalization is None and file.has_unknown_range:
        from .input_range import measure_classifier  # rarely needed

        measured = measure_classifier(
            file,
            [photos.paths[row] for row in rows],
            photos.labels[rows],
            lambda each: open_classifier(normalization=each),
            lambda classifier: _class_ids(photos, classifier),
        )
        normalization = measured.normalization
        notes.append(measured.note)
    with open_classifier(cache=cache, normalization=normalization) as classifier:
        names = _class_names(photos, classifier)
        if classifier.labels is None and names != _indices(classifier):
            notes.append(
                "the model has no labels: its classes are taken to be the folders in sorted order, "
                f"{quoted(names, 3)}. If that is wrong, give its names with --labels"
            )
        if embedded is None:
            paths = [photos.paths[row] for row in rows]
            found = classifier.score_readable(paths, progress=progress)
        else:
            found = embedded.score(rows, classifier.labels)
            notes.append(embedded.note)
    if classifier.output_kind is OutputKind.MULTI_LABEL:
        notes.append(
            "this is a multi-label classifier, which can find several labels in a photo: a photo "
            "counts as right if its most probable label is its folder's"
        )
    skipped = [SkippedPhoto(photos.shown(each.path), each.reason) for each in found.skipped]
    if not len(found.rows):
        raise ValueError(
            f"none of the {counted(len(rows), 'photo')} in {photos.path} could be read (for "
            f"example, {skipped[0]}). Replace the photos, or choose another folder."
        )
    folders = [photos.classes[label] for label in photos.labels[rows[found.kept]]]
    answers = found.rows.argmax(axis=1)
    photo_classes = own_classes(folders, names, answers)
    classes = [classifier.label(index) for index in range(classifier.num_classes)]
    right = photo_classes == answers
    seen, new = _by_training(model, classes, found.digests, right)
    if seen is not None and new is not None:
        _tell_seen_photos(seen, new, notes)
    return Evaluation(
        accuracy=float(np.mean(right)),
        images=len(found.rows),
        classes=classes,
        confusion=confusion_matrix(photo_classes, answers, classifier.num_classes).tolist(),
        skipped=skipped,
        interval=accuracy_interval(int(right.sum()), len(right)),
        seen=seen,
        new=new,
        notes=notes,
    )


def _rows_to_test(photos: ImageFolder) -> tuple[NDArray[np.int64], list[str]]:
    """Returns the photos to test on, all of them if there is no split, and notes for the user."""
    if photos.split is None:
        return np.arange(len(photos)), [*photos.notes]
    for name, rows in (("test", photos.split.test), ("validation", photos.split.validation)):
        if len(rows):
            note = f"the {counted(len(rows), 'photo')} of the {name} part are used, and no others"
            return rows, [*photos.notes, note]
    return photos.split.train, [*photos.notes]


def _by_training(
    model: ModelSource, classes: list[str], digests: Sequence[bytes], right: NDArray[np.bool_]
) -> tuple[PartAccuracy | None, PartAccuracy | None]:
    """Returns the accuracy on photos that the model was trained on, and on the others."""
    known = None
    if isinstance(model, str | os.PathLike):
        known = read_seen_digests(Path(model), classes)
    if known is None:
        return None, None
    was_seen = np.array([digest in known for digest in digests], bool)
    return PartAccuracy.of_answers(right[was_seen]), PartAccuracy.of_answers(right[~was_seen])


def _tell_seen_photos(seen: PartAccuracy, new: PartAccuracy, notes: list[str]) -> None:
    """Tells how many photos the model was trained on, with a warning if these are the most."""
    if seen.accuracy is None:
        return
    on_new = "there are no others"
    if new.accuracy is not None:
        on_new = f"{percent(new.accuracy)} on the {counted(new.images, 'other')}"
    text = (
        f"the model was trained on {seen.images} of the "
        f"{counted(seen.images + new.images, 'photo')}: {percent(seen.accuracy)} on these, and "
        f"{on_new}"
    )
    if seen.images >= new.images:
        warnings.warn(f"{text}. Only photos that are new to it tell how good it is", stacklevel=3)
    else:
        notes.append(text)


def _class_names(photos: ImageFolder, classifier: Classifier) -> list[str]:
    """Returns the name of each class of the model, as the folders have it."""
    if classifier.labels is None:
        if set(photos.classes) <= set(_indices(classifier)):
            return _indices(classifier)
        if len(photos.classes) != classifier.num_classes:
            raise ValueError(
                f"{photos.path} has {len(photos.classes)} class folders, but the model has "
                f"{classifier.num_classes} classes and no labels. Give a label file with the names "
                "of the model's classes (--labels FILE)."
            )
        return photos.classes
    check_label_count(classifier.labels, classifier.num_classes)
    names = [class_name(label) for label in classifier.labels]
    unknown = [name for name in photos.classes if name not in names]
    if unknown:
        raise ValueError(
            f"{photos.path} has folders that are not classes of the model: "
            f"{quoted(unknown)}. Its classes are {quoted(classifier.labels)}. Rename or remove "
            "these folders."
        )
    return names


def _indices(classifier: Classifier) -> list[str]:
    """Returns the names of the classes of a model without labels: 0, 1, and so on."""
    return [str(index) for index in range(classifier.num_classes)]


def _class_ids(photos: ImageFolder, classifier: Classifier) -> NDArray[np.int64]:
    """Returns the first class index of the model for each class folder."""
    names = _class_names(photos, classifier)
    return np.array([names.index(name) for name in photos.classes], np.int64)
