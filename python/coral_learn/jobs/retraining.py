"""Retraining: from folders of photos to a saved and tested model."""

import functools
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..dataset.split import split_by_class
from ..edgetpu.runtime import runtime_name
from ..extraction.builtin_extractor import open_or_builtin
from ..extraction.cache import EmbeddingCache
from ..extraction.photo_rows import SkippedPhoto
from ..progress import StageProgress
from ..tflite.answers import with_answer_notes
from ..tflite.extractor_note import with_extractor_digest
from ..tflite.file import ModelFile, ModelSource
from ..tflite.image_shape import InputSize
from ..tflite.normalization import NormalizationLike, parse_normalization
from ..tflite.resizing import Resize, checked_resize
from ..words import counted, percent
from .accuracy import Accuracy, measure_accuracy, warn_of_change
from .background import NoneOfThese
from .clock import Clock
from .engines import EngineOptions
from .holdout import split_photos
from .learning_curve import LearningCurve
from .learning_photos import PhotoSettings
from .learning_task import make_task
from .methods import train_head
from .output_folder import prepare_output_folder
from .photo_record import RECORD_NAME, format_record
from .photo_sources import find_photos
from .saved_model import MODEL_NAMES, save_model
from .settings import TUTORIAL_RECIPE, Method, SgdSettings
from .stranger_test import StrangerTest
from .threshold import Threshold, as_precision
from .trust import measure_trust


@dataclass(frozen=True)
class RetrainResult:
    """The files that a retraining has written, and how accurate the model is.

    Attributes:
        model: The retrained model, a ``.tflite`` file.
        labels: The label map of the model.
        report: A web page that shows what the model gets right and wrong.
        classes: The names of the classes, in the order of the model's outputs.
        images: The number of photos that were used.
        skipped: The photos that could not be read, or are in two classes.
        accuracy: The accuracy on the training, validation and test photos.
        seconds: The duration of each stage, in seconds.
        device: ``cpu``, or the Edge TPU that ran the extractor.
        runtime: The name and version of the TFLite runtime.
        notes: Facts that the user should know, a sentence each, such as which files were ignored
            and where a classifier was cut.
        resize: How the photos were resized: ``squash``, ``crop``, ``both`` or ``linear``.
        learning_curve: What more photos would bring; None if the head cannot be trained several
            times in a short time.
        threshold: The lowest probability of an answer that the model gives, if a precision was
            wished for.
        strangers: How well photos of unknown classes are told from those of the model, measured by
            leaving out each class in turn; None with fewer than three classes, or if it would take
            long.

    Examples:
        >>> from coral_learn import retrain
        >>> result = retrain("photos", "extractor.tflite", "small", test=0.25)
        >>> result.model.name, result.classes, result.images
        ('retrained_model.tflite', ['daisy', 'roses', 'tulips'], 36)
        >>> result.to_json()["accuracy"]["photos"]
        {'train': 24, 'validation': 3, 'test': 9}
    """

    model: Path
    labels: Path
    report: Path
    classes: list[str]
    images: int
    skipped: list[SkippedPhoto]
    accuracy: Accuracy
    seconds: dict[str, float]
    device: str
    runtime: str
    notes: list[str] = field(default_factory=list)
    resize: Resize = "squash"
    learning_curve: LearningCurve | None = None
    threshold: Threshold | None = None
    strangers: StrangerTest | None = None

    def __repr__(self) -> str:
        accuracy = self.accuracy.test_saved
        tested = "not tested" if accuracy is None else f"accuracy {percent(accuracy)}"
        return (
            f"RetrainResult({str(self.model)!r}: {counted(len(self.classes), 'class', 'classes')}, "
            f"{counted(self.images, 'photo')}, {tested})"
        )

    def _repr_html_(self) -> str:
        from .retraining_table import retraining_table  # only notebooks ask for HTML

        return retraining_table(self)

    def to_json(self) -> dict[str, Any]:
        """Returns the result as plain types, as ``coral-learn train --json`` prints it."""
        paths = {name: str(getattr(self, name)) for name in ("model", "labels", "report")}
        return asdict(self) | paths


def retrain(
    data_dir: str | os.PathLike[str],
    extractor: ModelSource | None,
    output: str | os.PathLike[str],
    *,
    tensor_name: str | None = None,
    method: Method = "fit",
    sgd: SgdSettings | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int | None = 0,
    device: str | None = None,
    cache: EmbeddingCache | None = None,
    input_size: InputSize | None = None,
    progress: StageProgress | None = None,
    normalization: NormalizationLike | None = None,
    resize: Resize | None = None,
    precision: float | None = None,
    none_of_these: NoneOfThese | None = None,
    engine: EngineOptions | None = None,
) -> RetrainResult:
    """Retrains the last layer of a classifier on photos, then saves and tests the new model.

    Writes ``retrained_model.tflite`` (``retrained_model_edgetpu.tflite`` if the extractor is
    compiled for the Edge TPU), ``label_map.txt``, ``report.html``, ``report.json`` with the same
    facts, and ``photos.csv``, the list of the photos with their part of the split, at the very end,
    all of them or none. Photos that
    cannot be read, and photos that are in two classes, are skipped and listed in the result. Exact
    copies of a photo count once.

    Args:
        data_dir: A folder with one folder of photos for each class, or anything else that
            :class:`coral_learn.ImageFolder` reads, or a folder of embedded photos, which
            ``coral-learn embed`` has made with the same extractor. A split that it gives is used.
        extractor: The embedding extractor, as a path or bytes; None for the built-in one,
            EfficientNet-Lite0. The last layer of a classifier is cut off, and a note in the result
            says where.
        output: The folder for the results, which is created if it does not exist.
        tensor_name: The tensor of ``extractor`` to take as the embedding: see
            :func:`create_embedding_extractor`. The name of its own output takes the model as it
            is, and "auto" tries several tensors on a sample of the photos.
        method: How to train the head.
        sgd: The settings of ``method="sgd"``; None for those of Coral's tutorial.
        validation: The fraction of each class's photos to validate on while training, in [0, 1).
        test: The fraction of each class's photos to test the saved model on, in [0, 1).
        seed: The seed of the split and the training: the same seed gives the same model. None gives
            a different one each time.
        device: ``cpu``, or an Edge TPU as in ``:0``, ``usb``, ``usb:1``, ``pci:0``. The default is
            the first Edge TPU for a compiled model and the CPU for any other model.
        cache: A cache for embeddings, so that the model runs only once on each photo.
        input_size: Width and height of the input, or one number for both, for an extractor that
            takes images of any size; None for 224. The retrained model takes this size only.
        progress: Called with the stage, how many of its steps are done, and how many there are.
        normalization: How pixels are normalized, as for :class:`coral_learn.EmbeddingExtractor`;
            the retrained model declares it. By default, where a float extractor shows nothing, the
            usual ranges are tried on up to 100 of the photos, and the one with the lowest held-out
            loss is used.
        resize: How photos are resized to the input: ``squash`` stretches the whole photo, ``crop``
            takes its center in the shape of the input, ``both`` trains on these two views of each
            photo, for a model that sees the crop, and ``linear`` stretches it as Frigate does. The
            retrained model remembers it. None for what an extractor that was retrained here says,
            and ``squash`` for any other.
        precision: The fraction of the model's answers that are to be right, in (0, 1]: the model
            then keeps the threshold below which it gives no answer, from photos that were held out.
            None for an answer to every photo.
        none_of_these: A folder with photos of anything else, for a further class ``none``. True to
            draw pictures for it, which is a weak start: they are trained on, and not counted in any
            accuracy. None for no such class.
        engine: Where to fit the head to a folder of embedded photos; by default on this machine.

    Returns:
        The files that were written, and how accurate the saved model is.

    Raises:
        ValueError: The photos or the settings cannot be used.
        ModelError: The extractor cannot be used.
        EdgeTpuError: The device failed.
        OSError: The output cannot be written.

    Examples:
        >>> import coral_learn
        >>> coral_learn.retrain("photos", None, "flowers", test=0.25)
        RetrainResult('flowers/retrained_model.tflite': 3 classes, 36 photos, ...)
    """
    _check_method(method, sgd)
    if precision is not None:
        as_precision(precision)
    given = None if normalization is None else parse_normalization(normalization)
    if resize is not None:
        resize = checked_resize(resize)
    source = open_or_builtin(extractor, input_size)
    wanted = PhotoSettings(
        tensor_name=tensor_name,
        normalization=given,
        resize=resize,
        device=device,
        cache=cache,
        none_of_these=none_of_these,
        validation=validation,
        test=test,
        seed=seed,
        engine=engine or EngineOptions(),
    )
    found = find_photos(data_dir, source, wanted, method)
    split_by_class(np.zeros(1, np.int64), validation, test)  # rejects bad fractions before the work
    folder = prepare_output_folder(output, found.path)
    report = progress or (lambda stage, done, total: None)
    clock = Clock()

    with clock.measure("extract"):
        taken = found.take(lambda done, total: report("extract", done, total or 0))
    photos, seen = taken.photos, taken.extractor
    split, split_notes = split_photos(photos, validation, test, seed)
    with clock.measure("train"):
        task = make_task(seen, photos, split, seed)
        settings = sgd or TUTORIAL_RECIPE
        report_training = functools.partial(report, "train")
        if taken.train is None:
            trained = train_head(method, task, settings, report_training)
        else:
            trained = taken.train(task, report_training)
        trust = measure_trust(trained, photos, split, seed, precision)
    with clock.measure("serialize"):
        # Opened again from its bytes: what is tested is what will be read from the disk.
        made = with_answer_notes(trained.to_model(), trust.notes)
        saved_model = ModelFile(with_extractor_digest(made, taken.digest).content)
    with clock.measure("verify"):
        tested = taken.test(saved_model, split.test, functools.partial(report, "verify"))
    split = replace(split, test=split.test[tested.kept])
    accuracy = measure_accuracy(trained, photos, split, tested.rows, trust.cross_validated)
    warn_of_change(accuracy, is_quantized=photos.embeddings.quantized.dtype != np.float32)

    from .report import REPORT_NAME  # not before all else is done
    from .training_report import make_report

    report_files = make_report(
        taken.folder,
        photos,
        split,
        trained,
        tested.rows,
        trust,
        taken.device,
        taken.resize,
        folder / MODEL_NAMES[saved_model.is_compiled],
        cache,
    )
    others = {**report_files, RECORD_NAME: format_record(photos, split)}
    saved = save_model(folder, saved_model, photos.classes, others)
    return RetrainResult(
        model=saved.model,
        labels=saved.labels,
        report=folder / REPORT_NAME,
        classes=photos.classes,
        images=taken.total or len(photos.real),
        skipped=photos.skipped,
        accuracy=accuracy,
        seconds=clock.seconds,
        device=taken.device,
        runtime=runtime_name(),
        notes=[*taken.notes, *split_notes, *trained.notes],
        resize=taken.resize,
        learning_curve=trust.learning_curve,
        threshold=trust.threshold,
        strangers=trust.strangers,
    )


def _check_method(method: str, sgd: SgdSettings | None) -> None:
    if method not in get_args(Method):
        raise ValueError(f"unknown method {method!r}: choose one of {', '.join(get_args(Method))}")
    if sgd is not None and method != "sgd":
        raise ValueError(f'sgd is given, but method is {method!r}. Pass method="sgd", or no sgd.')
