"""The demo: draws photos and trains on them."""

import os
from pathlib import Path

from ..jobs.retraining import RetrainResult, retrain
from ..progress import StageProgress
from .drawing import DEMO_CLASSES, write_photos

PHOTOS_PER_CLASS = 60
_TEST_FRACTION = 0.2  # a tenth of so few photos would make a noisy measurement
_SEED = 0


def demo(output: str | os.PathLike[str], *, progress: StageProgress | None = None) -> RetrainResult:
    """Draws photos of a few classes, and trains a model on them with the built-in extractor.

    The photos go to ``output/photos``, and the results to ``output``.

    Args:
        output: The folder for the photos and the results, created if it does not exist.
        progress: A function that is called with the stage, the number of photos done, and the
            number of all photos.

    Raises:
        ValueError: ``output/photos`` contains something other than the demo's photos.
        OSError: The output cannot be written.
    """
    report = progress or (lambda stage, done, total: None)
    photos = Path(output) / "photos"
    _check_no_other_photos(photos)
    total = PHOTOS_PER_CLASS * len(DEMO_CLASSES)
    for drawn, _ in enumerate(write_photos(photos, PHOTOS_PER_CLASS, _SEED), start=1):
        report("draw", drawn, total)
    return retrain(photos, None, output, test=_TEST_FRACTION, seed=_SEED, progress=progress)


def _check_no_other_photos(photos: Path) -> None:
    """Keeps the demo from drawing into a folder with the user's own photos."""
    if not photos.exists():
        return
    others = sorted(entry.name for entry in photos.iterdir() if entry.name not in DEMO_CLASSES)
    if others:
        raise ValueError(
            f"{photos} contains {others[0]!r}, which the demo did not draw. "
            "Choose another --output, so that your photos stay as they are."
        )
