"""The report about a retraining: the analysis of the test, with what was trained and on what."""

import shlex
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset.folder import ImageFolder
from ..dataset.split import Split
from ..edgetpu.runtime import runtime_name
from ..extraction.cache import EmbeddingCache
from ..tflite.resizing import Resize
from ..words import counted
from .methods import TrainedHead
from .report import analyze, write_letter, write_report
from .training_photos import TrainingPhotos
from .training_review import review_training
from .trust import Trust

_VIEW: dict[Resize, str] = {
    "squash": "the whole photo, stretched to the input (squash)",
    "crop": "its center (crop)",
    "linear": "the whole photo, stretched as Frigate does (linear)",
    "both": "its center; trained on the whole photo as well (both)",
}


def make_report(
    image_folder: ImageFolder,
    photos: TrainingPhotos,
    split: Split,
    trained: TrainedHead,
    scores: NDArray[np.float32],
    trust: Trust,
    device: str,
    resize: Resize,
    model: Path,
    cache: EmbeddingCache | None,
) -> dict[str, bytes]:
    """Returns the files of the report by name: the page, and the same facts for programs.

    Args:
        image_folder: Where the photos come from.
        photos: The photos that were used.
        split: Their parts.
        trained: The trained head.
        scores: The scores that the saved model gives the test photos, [N, C].
        trust: How far the model can be relied on.
        device: What ran the extractor.
        resize: How the photos were resized.
        model: Where the model will be.
        cache: A cache for what takes long to find out about photos.
    """
    analysis = analyze(
        photos.classes,
        photos.paths,
        photos.labels,
        photos.embeddings,
        split,
        scores,
        trust.cross_validated,
    )
    review = review_training(image_folder.path, photos, trust, cache)
    return write_report(
        analysis,
        write_letter(analysis, trust.learning_curve, trust.confusion, review),
        trust,
        review,
        review_command=_review_command(image_folder, model),
        title=f"{image_folder.path.resolve().name}: the retrained model",
        summary={
            "Photos": _photos(photos, split),
            **({"Scenes": photos.scene_note} if photos.scene_note else {}),
            "Photos skipped": str(len(photos.skipped)),
            "View of a photo": _VIEW[resize],
            "Head": trained.settings,
            "Ran on": f"{device}, {runtime_name()}",
        },
        curve=trained.curve,
        curve_name="Training loss",
    )


def _photos(photos: TrainingPhotos, split: Split) -> str:
    text = (
        f"{len(photos.real)} of {counted(len(photos.classes), 'class', 'classes')}: "
        f"{len(split.train) - len(photos.drawn)} to train, {len(split.validation)} to validate, "
        f"{len(split.test)} to test"
    )
    if not len(photos.drawn):
        return text
    return f"{text}, and {counted(len(photos.drawn), 'drawn picture')} to train"


def _review_command(image_folder: ImageFolder, model: Path) -> str:
    """Returns the command that reviews the same photos as the model sees them, if it can."""
    path = shlex.quote(str(image_folder.path))
    if image_folder.path.is_dir() and image_folder.groups is None:
        return f"coral-learn review {shlex.quote(str(model))} --photos {path} --output REVIEW"
    return f"coral-learn review {path} --output REVIEW"
