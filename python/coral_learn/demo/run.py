"""The whole job on what the package ships: drawn photos and a small embedding extractor."""

import os
from importlib import resources
from pathlib import Path

from ..jobs.retraining import RetrainResult, retrain
from ..progress import StageProgress
from .drawing import DEMO_CLASSES, write_photos

PHOTOS_PER_CLASS = 60
_TEST_SHARE = 0.2  # of few photos, a tenth would tell little
_SEED = 0


def embedded_extractor() -> bytes:
    """Returns the embedding extractor that the package ships.

    It is small and was trained on drawings: enough to see everything work, no replacement for a
    real extractor.
    """
    return (resources.files(__package__) / "data" / "embedding_extractor.tflite").read_bytes()


def demo(output: str | os.PathLike[str], *, progress: StageProgress | None = None) -> RetrainResult:
    """Draws photos of classes that the embedded extractor has never seen, and retrains it on them.

    The photos go to ``output/photos``, the results beside them.

    Args:
        output: The folder for the photos and the results, made where it is missing.
        progress: Told of each step.

    Raises:
        ValueError: ``output/photos`` holds photos of other classes.
        OSError: The output cannot be written.
    """
    report = progress or (lambda stage, done, total: None)
    photos = Path(output) / "photos"
    _refuse_foreign(photos)
    total = PHOTOS_PER_CLASS * len(DEMO_CLASSES)
    for drawn, _ in enumerate(write_photos(photos, PHOTOS_PER_CLASS, _SEED), start=1):
        report("draw", drawn, total)
    return retrain(
        photos, embedded_extractor(), output, test=_TEST_SHARE, seed=_SEED, progress=progress
    )


def _refuse_foreign(photos: Path) -> None:
    """Keeps the demo from mixing its drawings into a folder of the user's own photos."""
    if not photos.exists():
        return
    foreign = sorted(entry.name for entry in photos.iterdir() if entry.name not in DEMO_CLASSES)
    if foreign:
        raise ValueError(
            f"{photos} holds {foreign[0]!r}, which is not the demo's: choose another --output"
        )
