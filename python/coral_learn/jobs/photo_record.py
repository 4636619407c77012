"""``photos.csv`` beside a model: the photos that it was trained and tested on."""

import csv
import io
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # evaluation only reads records
    from ..dataset.split import Split
    from .training_photos import TrainingPhotos

RECORD_NAME = "photos.csv"

_HEADER = ["path", "sha256", "class", "split"]
_SEEN_PARTS = ("train", "validation")  # the validation photos choose the strength of a penalty
_MAX_BYTES = 500_000_000


def format_record(photos: "TrainingPhotos", split: "Split") -> bytes:
    """Returns the content of ``photos.csv``: a line for each photo that was used.

    Args:
        photos: The photos.
        split: The rows to train, to validate and to test on.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    part_of: dict[int, str] = {}
    for part in ("train", "validation", "test"):
        part_of |= dict.fromkeys(getattr(split, part).tolist(), part)
    for row, (name, digest) in enumerate(zip(photos.names, photos.digests, strict=True)):
        label = photos.classes[photos.labels[row]]
        if row in part_of:
            writer.writerow([name, digest.hex(), label, part_of[row]])
    return text.getvalue().encode(errors="surrogateescape")  # names may not be valid text


def read_seen_digests(model: Path, classes: Collection[str]) -> set[bytes] | None:
    """Returns the digests of the photos that a model was trained on.

    Args:
        model: The file of the model, beside which ``photos.csv`` may lie.
        classes: The model's classes: a record with others belongs to another model.

    Returns:
        None if there is no record, or it cannot be used; a warning says so if it is broken.
    """
    path = model.parent / RECORD_NAME
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("it is too large")
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if not rows or rows[0] != _HEADER or any(len(row) != len(_HEADER) for row in rows):
            raise ValueError(f"its columns are not {', '.join(_HEADER)}")
        if any(label not in classes for _, _, label, _ in rows[1:]):
            return None
        return {bytes.fromhex(digest) for _, digest, _, part in rows[1:] if part in _SEEN_PARTS}
    except (OSError, ValueError, csv.Error) as error:
        warnings.warn(
            f"{path} cannot be used, so that photos that the model was trained on are not told "
            f"from new ones: {error}",
            stacklevel=3,
        )
        return None
