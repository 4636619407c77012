"""``photos.csv`` beside a model: the photos that it was trained and tested on."""

import csv
import io
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # evaluation only reads records
    from ..dataset.split import Split
    from .training_photos import TrainingPhotos

RECORD_NAME = "photos.csv"

_HEADER = ["path", "sha256", "class", "split"]
_SEEN_PARTS = ("train", "validation")  # the validation photos choose the strength of a penalty
_MAX_BYTES = 500_000_000


def format_record(photos: "TrainingPhotos", split: "Split") -> bytes:
    """Returns the content of ``photos.csv``: a line for each photo that was used, if not drawn.

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
        if row in part_of and photos.labels[row] != photos.drawn_class:
            writer.writerow([name, digest.hex(), label, part_of[row]])
    return text.getvalue().encode(errors="surrogateescape")  # names may not be valid text


class RecordedPhoto(NamedTuple):
    """A photo that a model was trained or tested on.

    Attributes:
        name: Its path below the folder that it was trained from.
        digest: The SHA-256 of its file.
        label: The name of its class.
        part: ``train``, ``validation`` or ``test``.
    """

    name: str
    digest: bytes
    label: str
    part: str


def read_record(model: Path) -> list[RecordedPhoto]:
    """Returns the photos in the record beside a model, at least one.

    Raises:
        ValueError: There is no record, or it cannot be used.
        OSError: It cannot be read.
    """
    path = model.parent / RECORD_NAME
    if not path.is_file():
        raise ValueError(
            f"there is no {RECORD_NAME} beside {model}, which lists the photos that it was trained "
            "on. Review the folder of the photos instead: `coral-learn review DIR`."
        )
    try:
        rows = _read_rows(path)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} cannot be used: {error}. Train the model again.") from error
    if not rows:
        raise ValueError(f"{path} lists no photos. Train the model again.")
    return rows


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
        rows = _read_rows(path)
    except (OSError, ValueError, csv.Error) as error:
        warnings.warn(
            f"{path} cannot be used, so that photos that the model was trained on are not told "
            f"from new ones: {error}",
            stacklevel=3,
        )
        return None
    if any(row.label not in classes for row in rows):
        return None
    return {row.digest for row in rows if row.part in _SEEN_PARTS}


def _read_rows(path: Path) -> list[RecordedPhoto]:
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError("it is too large")
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if not rows or rows[0] != _HEADER or any(len(row) != len(_HEADER) for row in rows):
        raise ValueError(f"its columns are not {', '.join(_HEADER)}")
    return [
        RecordedPhoto(name, bytes.fromhex(digest), label, part)
        for name, digest, label, part in rows[1:]
    ]
