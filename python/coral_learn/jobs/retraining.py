"""The job: photos in folders in, a retrained model out. Every face of the package calls this."""

import functools
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..dataset import ImageFolder, Skipped, Split, split_by_class
from ..edgetpu.runtime import runtime_name
from ..embeddings import Embeddings
from ..errors import ModelError
from ..extraction.cache import EmbeddingCache
from ..extraction.extractor import EmbeddingExtractor
from ..files import write_atomically, write_together
from ..labels import format_labels
from ..tflite.cut import is_classifier
from ..tflite.file import ModelSource, is_compiled, read_model_content
from .classification import Classifier
from .methods import (
    TUTORIAL_RECIPE,
    Head,
    LearningTask,
    Method,
    SgdSettings,
    TrainedHead,
    train_head,
)
from .report import analyze, render_report

Stage = Literal["draw", "extract", "train", "serialize", "verify"]
Progress = Callable[[Stage, int, int], None]
"""Told of each step: the stage, how much of it is done, and of how much."""

LABELS_NAME = "label_map.txt"

_NOTABLE_LOSS = 0.01  # of accuracy, by quantization


@dataclass(frozen=True)
class Accuracy:
    """Fractions in [0, 1] of photos classified right; None where a part has no photos.

    Attributes:
        train: The float head on the training photos.
        validation: The float head on the validation photos.
        test_float: The float head on the test photos.
        test_saved: The saved model, run end to end on the same test photos.
    """

    train: float
    validation: float | None
    test_float: float | None
    test_saved: float | None


@dataclass(frozen=True)
class RetrainResult:
    """What a retraining made and how good it is.

    Attributes:
        model: The retrained model, a ``.tflite`` file.
        labels: Its label map.
        report: What it gets right and wrong, as a page or as text.
        classes: The names of the classes, in the order of the model's outputs.
        images: The number of photos that were used.
        skipped: The photos that could not be read.
        accuracy: See :class:`Accuracy`.
        seconds: The time that each stage took.
        device: ``cpu``, or the Edge TPU that ran the extractor.
        runtime: Name and version of the TFLite runtime.
    """

    model: Path
    labels: Path
    report: Path
    classes: list[str]
    images: int
    skipped: list[Skipped]
    accuracy: Accuracy
    seconds: dict[str, float]
    device: str
    runtime: str

    def to_json(self) -> dict[str, Any]:
        """Returns the result as plain types, as ``coral-learn train --json`` prints it."""
        paths = {name: str(getattr(self, name)) for name in ("model", "labels", "report")}
        return asdict(self) | paths


def retrain(
    data_dir: str | os.PathLike[str],
    extractor: ModelSource,
    output: str | os.PathLike[str],
    *,
    method: Method = "fit",
    sgd: SgdSettings = TUTORIAL_RECIPE,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int | None = 0,
    device: str | None = None,
    cache: EmbeddingCache | None = None,
    progress: Progress | None = None,
) -> RetrainResult:
    """Retrains the last layer of a classifier on photos, and saves and tests the new model.

    Writes ``retrained_model.tflite`` (``retrained_model_edgetpu.tflite`` where the extractor is
    compiled for the Edge TPU), ``label_map.txt`` and a report at the very end, all of them or none.
    Photos that cannot be read are left out and reported.

    Args:
        data_dir: A folder with one folder of photos a class.
        extractor: The embedding extractor, a path or its bytes.
        output: The folder for the results, made where it is missing.
        method: How to train the head.
        sgd: The settings of ``method="sgd"``.
        validation: The fraction of each class's photos that training is watched on, in [0, 1).
        test: The fraction of each class's photos that the saved model is tested on, in [0, 1).
        seed: The same seed gives the same split and model; None gives others each time.
        device: ``cpu``, or an Edge TPU as in ``:0``, ``usb``, ``usb:1``, ``pci:0``; by default
            the first Edge TPU for a compiled model and the CPU for any other.
        cache: Where what models see in photos is kept, so that no photo is looked at twice.
        progress: Told of each step.

    Raises:
        ValueError: The photos or the settings do not do.
        ModelError: The extractor cannot be used.
        EdgeTpuError: The device failed.
        OSError: The output cannot be written.
    """
    if method not in get_args(Method):
        raise ValueError(f"unknown method {method!r}: choose one of {', '.join(get_args(Method))}")
    content = _read_extractor(extractor)
    photos = ImageFolder(data_dir)
    if len(photos.classes) < 2:
        raise ValueError(
            f"{photos.path} has photos of {photos.classes[0]!r} alone: "
            "there must be at least two classes to tell apart"
        )
    split_by_class(photos.labels, validation, test)  # refuses bad fractions before the long work
    folder = _writable_folder(output)
    report = progress or (lambda stage, done, total: None)
    clock = _Clock()

    with clock.measure("extract"), EmbeddingExtractor(content, device=device, cache=cache) as eye:
        seen = _extract(eye, photos, report)
        used_device = eye.device
    split = split_by_class(seen.labels, validation, test, seed)
    with clock.measure("train"):
        task = LearningTask(content, seen.embeddings, seen.labels, split, seen.classes, seed)
        trained = train_head(method, task, sgd, functools.partial(report, "train"))
    with clock.measure("serialize"):
        model = trained.serialize()
    with clock.measure("verify"):
        scores, tested = _scores_of_saved(model, seen, split.test, device, cache, report)
        split = replace(split, test=tested)

    accuracy = _accuracies(trained.head, seen, split, scores)
    _warn_of_loss(accuracy)
    compiled = "_edgetpu" if is_compiled(content) else ""
    model_path = folder / f"retrained_model{compiled}.tflite"
    labels_path = folder / LABELS_NAME
    report_name, page = _report(photos, seen, split, scores, trained, used_device)
    write_together(
        {
            model_path: model,
            labels_path: format_labels(photos.classes).encode(),
            folder / report_name: page,
        }
    )
    return RetrainResult(
        model=model_path,
        labels=labels_path,
        report=folder / report_name,
        classes=photos.classes,
        images=len(seen.paths),
        skipped=seen.skipped,
        accuracy=accuracy,
        seconds=clock.seconds,
        device=used_device,
        runtime=runtime_name(),
    )


@dataclass(frozen=True)
class _SeenPhotos:
    """The photos that could be read, and what the extractor saw in them."""

    embeddings: Embeddings
    labels: NDArray[np.int64]
    classes: list[str]
    paths: list[Path]
    skipped: list[Skipped] = field(default_factory=list)


@dataclass
class _Clock:
    """Measures the stages of a job, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 4)


def _read_extractor(extractor: ModelSource) -> bytes:
    content = read_model_content(extractor)
    if is_classifier(content):
        raise ModelError(
            "this model is a classifier, not an embedding extractor: make one of it with "
            "`coral-learn extractor CLASSIFIER.tflite --output EXTRACTOR.tflite`"
        )
    return content


def _writable_folder(path: str | os.PathLike[str]) -> Path:
    """Makes the output folder and finds out now, not after minutes of work, if it will do."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".{LABELS_NAME}.probe"
    try:
        write_atomically(probe, b"")
    finally:
        probe.unlink(missing_ok=True)
    return folder


def _extract(eye: EmbeddingExtractor, photos: ImageFolder, report: Progress) -> _SeenPhotos:
    reasons: dict[int, str] = {}
    embeddings = eye.extract(
        photos.paths,
        progress=lambda done, _: report("extract", done, len(photos)),
        on_error=lambda index, error: reasons.update({index: error.reason}),
    )
    kept = [index for index in range(len(photos)) if index not in reasons]
    labels = photos.labels[kept]
    lost = [name for index, name in enumerate(photos.classes) if index not in labels]
    if lost:
        first = Skipped(str(photos.paths[min(reasons)]), reasons[min(reasons)])
        raise ValueError(
            f"no photo of {', '.join(lost)} could be read, for example {first.path}: {first.reason}"
        )
    return _SeenPhotos(
        embeddings=embeddings,
        labels=labels,
        classes=photos.classes,
        paths=[photos.paths[index] for index in kept],
        skipped=[Skipped(str(photos.paths[i]), reason) for i, reason in sorted(reasons.items())],
    )


def _scores_of_saved(
    model: bytes,
    seen: _SeenPhotos,
    rows: NDArray[np.int64],
    device: str | None,
    cache: EmbeddingCache | None,
    report: Progress,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Runs the saved model on test photos from the file on, as its users will.

    Returns:
        The scores, [T, C], and the T of the rows whose photos are still there.
    """
    gone: list[int] = []
    with Classifier(model, device=device, cache=cache) as classifier:
        scores = classifier.scores(
            [seen.paths[row] for row in rows],
            progress=lambda done, _: report("verify", done, len(rows)),
            on_error=lambda index, _: gone.append(index),
        )
    if gone:
        first = seen.paths[rows[gone[0]]]
        warnings.warn(
            f"{len(gone)} photos could be read at first and not for the test, such as {first}",
            stacklevel=3,
        )
    return scores, np.delete(rows, gone)


def _accuracies(
    head: Head, seen: _SeenPhotos, split: Split, scores: NDArray[np.float32]
) -> Accuracy:
    def of_head(rows: NDArray[np.int64]) -> float | None:
        if not len(rows):
            return None
        return head.get_accuracy(seen.embeddings[rows], seen.labels[rows])

    truth = seen.labels[split.test]
    return Accuracy(
        train=head.get_accuracy(seen.embeddings[split.train], seen.labels[split.train]),
        validation=of_head(split.validation),
        test_float=of_head(split.test),
        test_saved=float(np.mean(scores.argmax(axis=1) == truth)) if len(truth) else None,
    )


def _warn_of_loss(accuracy: Accuracy) -> None:
    if accuracy.test_float is None or accuracy.test_saved is None:
        return
    if abs(accuracy.test_float - accuracy.test_saved) > _NOTABLE_LOSS:
        warnings.warn(
            f"saving changed the accuracy on the test photos from {accuracy.test_float:.1%} to "
            f"{accuracy.test_saved:.1%}: quantization moved some close answers",
            stacklevel=3,
        )


def _report(
    photos: ImageFolder,
    seen: _SeenPhotos,
    split: Split,
    scores: NDArray[np.float32],
    trained: TrainedHead,
    device: str,
) -> tuple[str, bytes]:
    """Returns name and content of a file that tells what the model gets right and wrong."""
    return render_report(
        analyze(seen.classes, seen.paths, seen.labels, seen.embeddings, split, scores),
        title=f"{photos.path.resolve().name}: the retrained model",
        summary={
            "Photos": f"{len(seen.paths)} of {len(seen.classes)} classes: {len(split.train)} to "
            f"train, {len(split.validation)} to validate, {len(split.test)} to test",
            "Photos skipped": str(len(seen.skipped)),
            "Head": trained.settings,
            "Ran on": f"{device}, {runtime_name()}",
        },
        curve=trained.curve,
        curve_name="Training loss",
    )
