"""Comparing the extractors that are here on the user's photos: accuracy, size and speed."""

import os
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import ProbabilityMatrix
from ..dataset.folder import ImageFolder
from ..embeddings import Embeddings
from ..errors import EdgeTpuError, ModelError
from ..extraction.builtin_extractor import builtin_extractor
from ..extraction.cache import EmbeddingCache
from ..extraction.extractor import EmbeddingExtractor
from ..extraction.photo_rows import SkippedPhoto
from ..extraction.placement import uses_edge_tpu
from ..heads.cross_fitting import Score
from ..heads.softmax_regression import SoftmaxRegression
from ..named_models.catalog import catalog
from ..named_models.speeds import add_speeds
from ..named_models.store import fetch_model, local_models
from ..tflite.open_extractor import open_extractor
from .cross_validation import cross_validation_of
from .held_out import score_held_out
from .input_range import measure_on_folder
from .interval import Interval
from .training_photos import TrainingPhotos, list_photos, take_training_photos

_TIMED_PHOTOS = 50
_WARM_UP_PHOTOS = 4


@dataclass(frozen=True)
class ComparedModel:
    """How good an extractor is for the photos.

    Attributes:
        name: The name of the model.
        accuracy: The accuracy of a head by cross-validation, in [0, 1].
        interval: The 95% confidence interval of the accuracy.
        features: The number of features of an embedding.
        bytes: The size of the file.
        milliseconds: The time from a photo's file to its embedding, on all processors.
        device: ``cpu``, or the Edge TPU that ran the model.
    """

    name: str
    accuracy: float
    interval: Interval
    features: int
    bytes: int
    milliseconds: float
    device: str


@dataclass(frozen=True)
class Comparison:
    """The extractors on the same photos.

    Attributes:
        images: The number of photos.
        classes: The names of the classes.
        models: The extractors, the most accurate first.
        left_out: The other models that are here, with the reason.
        skipped: The photos that could not be used.
    """

    images: int
    classes: Sequence[str]
    models: Sequence[ComparedModel]
    left_out: dict[str, str]
    skipped: Sequence[SkippedPhoto]

    def to_json(self) -> dict[str, Any]:
        """Returns the comparison as plain types, as ``coral-learn models --json`` prints it."""
        return asdict(self)


def compare_models(
    data_dir: str | os.PathLike[str],
    *,
    device: str | None = None,
    cache: EmbeddingCache | None = None,
    seed: int = 0,
    progress: Callable[[str, int, int | None], None] = lambda name, done, total: None,
) -> Comparison:
    """Trains a head on each extractor that is here, and compares them.

    Every photo is tested once, by a head that was trained without it; a split that the folder gives
    is not used. The times are kept for ``coral-learn models``.

    Args:
        data_dir: A folder with one folder of photos for each class, or anything else that
            :class:`coral_learn.ImageFolder` reads.
        device: The device to run on, as for :class:`coral_learn.EmbeddingExtractor`.
        cache: A cache for embeddings.
        seed: The seed of the folds, which are the same for all models, as are the scenes that are
            held out whole: those of the first model.
        progress: Called with the name of a model, the number of photos done and the total.

    Raises:
        ValueError: The photos cannot be used.
        ModelError: No model can be used.
    """
    folder = list_photos(data_dir)
    compared: list[ComparedModel] = []
    left_out: dict[str, str] = {}
    photos: TrainingPhotos | None = None
    for name in local_models():
        try:
            model, photos = _compare(name, folder, device, cache, seed, progress, photos)
            compared.append(model)
        except (ModelError, EdgeTpuError) as error:  # noqa: PERF203 (a model takes seconds)
            left_out[name] = str(error)
    if photos is None:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ModelError(f"none of the models that are here can be compared: {reasons}")
    try:
        add_speeds({model.name: model.milliseconds for model in compared})
    except OSError as error:  # the comparison itself is what was asked for
        warnings.warn(f"the times cannot be kept for `coral-learn models`: {error}", stacklevel=2)
    return Comparison(
        len(photos.paths),
        photos.classes,
        sorted(compared, key=lambda model: -model.accuracy),
        left_out,
        photos.skipped,
    )


def _compare(
    name: str,
    folder: ImageFolder,
    device: str | None,
    cache: EmbeddingCache | None,
    seed: int,
    progress: Callable[[str, int, int | None], None],
    before: TrainingPhotos | None,
) -> tuple[ComparedModel, TrainingPhotos]:
    path = _checked_path(name, device)
    model = open_extractor(path).model
    pixel_range = None
    if model.has_unknown_range:
        pixel_range = measure_on_folder(model, folder, device=device).normalization
    with EmbeddingExtractor(
        model, device=device, cache=cache, normalization=pixel_range
    ) as extractor:
        found = extractor.extract_readable(
            folder.paths, progress=lambda done, total: progress(name, done, total)
        )
        features, used_device = extractor.feature_dim, extractor.device
    photos = take_training_photos(folder, found.with_rows([found.rows]))
    if before is not None and before.names == photos.names:
        photos = photos._replace(scenes=before.scenes)
    with EmbeddingExtractor(model, device=device, normalization=pixel_range) as extractor:
        milliseconds = _time(extractor, photos.paths)
    scores = score_held_out(
        photos.embeddings, photos.labels, _fit_and_score(photos, seed), seed, photos.scenes, 1
    )
    if scores is None:
        raise ValueError(f"{folder.path} has no class with two photos: add photos")
    validated = cross_validation_of(scores, photos.classes)
    return ComparedModel(
        name,
        validated.accuracy,
        validated.interval,
        features,
        path.stat().st_size,
        round(milliseconds, 1),
        used_device,
    ), photos


def _checked_path(name: str, device: str | None) -> Path:
    """Returns the path of a model that can run here, whose content was checked."""
    model = catalog().get(name)
    is_compiled = model is not None and model.is_compiled
    if is_compiled and not uses_edge_tpu(device):
        raise ModelError("it is compiled for the Edge TPU, and none is used")
    if not is_compiled and device and uses_edge_tpu(device):
        raise ModelError("it is not compiled for the Edge TPU")
    if model is None:
        return builtin_extractor()
    return fetch_model(model, lambda done, total: None)  # it is here: nothing is downloaded


def _time(extractor: EmbeddingExtractor, paths: Sequence[Path]) -> float:
    """Returns the milliseconds from a photo's file to its embedding."""
    extractor.extract_readable(paths[:_WARM_UP_PHOTOS])
    timed = paths[:: max(1, len(paths) // _TIMED_PHOTOS)]
    start = time.perf_counter()
    extractor.extract_readable(timed)
    return (time.perf_counter() - start) * 1000 / len(timed)


def _fit_and_score(photos: TrainingPhotos, seed: int) -> Score:
    def score(rows: NDArray[np.int64], embeddings: Embeddings) -> ProbabilityMatrix:
        head = SoftmaxRegression(photos.embeddings.shape[1], len(photos.classes), seed=seed)
        head.fit(photos.embeddings[rows], photos.labels[rows], groups=photos.scenes[rows])
        return head.predict_proba(embeddings)

    return score
