"""Embedding photos: from any source of photos to a folder of Parquet files."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...dataset.folder import ImageFolder
from ...embedded.folder import EmbeddedFolder, is_embedded
from ...embedded.format import Description, check_pyarrow
from ...embedded.writer import EmbeddedPhoto, PartWriter, remove_rows
from ...extraction.builtin_extractor import open_or_builtin
from ...extraction.embedded_rows import EmbeddedRow
from ...extraction.photo_rows import SkippedPhoto
from ...progress import StageProgress
from ...tflite.extractor_note import extractor_digest
from ...tflite.file import ModelSource
from ...tflite.image_shape import InputSize
from ...tflite.normalization import NormalizationLike
from ...tflite.open_extractor import open_extractor
from ...tflite.resizing import View
from ...words import counted
from ..engines import EngineOptions
from ..output_folder import locked_output_folder
from .engines import open_engine
from .same_run import check_same_run
from .source import ListedPhoto, compare, list_source, source_name

_REPORT_SECONDS = 0.1


@dataclass(frozen=True)
class EmbedResult:
    """What ``coral-learn embed`` did.

    Attributes:
        output: The folder of the Parquet files.
        photos: The number of photos that it has.
        embedded: The number of those that were embedded in this run.
        removed: The number of rows that were removed, because their photos are gone.
        skipped: The photos that cannot be used.
        classes: The number of photos of each class in the folder.
        features: The length of an embedding.
        dtype: The type of its stored values.
        extractor: The SHA-256 of the extractor.
        engine: What ran the extractor: local or ray.
        device: The device that ran it.
        seconds: The duration of the extraction, in seconds.
        notes: Facts that the user should know, a sentence each.
    """

    output: Path
    photos: int
    embedded: int
    removed: int
    skipped: list[SkippedPhoto]
    classes: dict[str, int]
    features: int
    dtype: str
    extractor: str
    engine: str
    device: str
    seconds: float
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """Returns the result as plain types, as ``coral-learn embed --json`` prints it."""
        return asdict(self) | {"output": str(self.output)}


def embed(
    photos: str | os.PathLike[str],
    extractor: ModelSource | None,
    output: str | os.PathLike[str],
    *,
    tensor_name: str | None = None,
    input_size: InputSize | None = None,
    normalization: NormalizationLike | None = None,
    resize: View | None = None,
    options: EngineOptions | None = None,
    progress: StageProgress | None = None,
) -> EmbedResult:
    """Writes the embeddings of photos to a folder of Parquet files.

    The folder follows its source: photos that it lacks are embedded, photos that changed are
    embedded again, and the rows of photos that are gone are removed. Files are written whole, so
    that a run that ends early, for whatever reason, is continued by the next.

    Args:
        photos: What :class:`coral_learn.ImageFolder` reads. Photos at addresses are read where they
            are, and not copied.
        extractor: The embedding extractor or classifier, as for :func:`coral_learn.retrain`.
        output: The folder, which is created if it does not exist.
        tensor_name: The tensor of ``extractor`` to take as the embedding.
        input_size: The size of the input, for an extractor that takes images of any size.
        normalization: How pixels are normalized, as for :class:`coral_learn.EmbeddingExtractor`.
        resize: What the extractor sees of a photo.
        options: What runs the extractor; by default threads of this process.
        progress: Called with the stage, the number of photos done and the total.

    Raises:
        ValueError: The photos cannot be used, none can be read, or the folder has embeddings of
            another extractor or of other photos.
        ModelError: The extractor cannot be used.
        EdgeTpuError: The device failed.
        OSError: The folder cannot be written.
    """
    check_pyarrow("a folder of embeddings")
    chosen = options or EngineOptions()
    model, notes = open_extractor(open_or_builtin(extractor, input_size), tensor_name)
    folder = ImageFolder.listed(photos)
    notes = [*notes, *folder.notes]
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(locked_output_folder(output, folder.path))
        opened = open_engine(chosen, model, normalization, resize)
        stack.callback(opened.close)
        description = Description(
            *opened.output,
            extractor=extractor_digest(model),
            extractor_name=Path(model.name).name,
            resize=opened.resize,
            input_range=opened.input_range,
            source=source_name(photos),
        )
        present = EmbeddedFolder(target) if is_embedded(target) else None
        if present is not None:
            check_same_run(target, present.description, description)
            description = present.description  # another name of the same extractor is none
        difference = compare(list_source(folder), present.known() if present else {})
        if present is not None and difference.outdated:
            remove_rows(present, difference.outdated)
        started = time.perf_counter()
        skipped = _write(difference.missing, opened.run, PartWriter(target, description), progress)
        seconds = time.perf_counter() - started
        if not is_embedded(target):
            raise ValueError(
                f"none of the {counted(len(folder), 'photo')} in {photos} could be read (for "
                f"example, {skipped[0]}). Replace the photos, or choose another folder."
            )
        known = EmbeddedFolder(target).known()
    if difference.gone:
        notes.append(
            f"{counted(difference.gone, 'row')} removed, of photos that {photos} does not have any "
            "more"
        )
    return EmbedResult(
        output=target,
        photos=len(known),
        embedded=len(difference.missing) - len(skipped),
        removed=difference.gone,
        skipped=skipped,
        classes=dict(sorted(Counter(key.label for key in known).items())),
        features=description.features,
        dtype=description.dtype,
        extractor=description.extractor,
        engine=chosen.engine,
        device=opened.device,
        seconds=seconds,
        notes=notes,
    )


def _write(
    missing: Sequence[ListedPhoto],
    run: Callable[[Sequence[str]], Generator[EmbeddedRow, None, None]],
    writer: PartWriter,
    progress: StageProgress | None,
) -> list[SkippedPhoto]:
    """Embeds photos and writes their rows, also if it is interrupted; returns those without."""
    skipped: list[tuple[int, SkippedPhoto]] = []
    reported = 0.0
    try:
        with contextlib.closing(run([photo.location for photo in missing])) as rows:
            for done, row in enumerate(rows, start=1):
                photo = missing[row.number]
                if row.problem:
                    skipped.append((row.number, SkippedPhoto(photo.key.path, row.problem)))
                else:
                    writer.add(EmbeddedPhoto(photo.key, photo.version, row.digest, row.embedding))
                if progress is not None and (
                    done == len(missing) or time.monotonic() - reported > _REPORT_SECONDS
                ):
                    reported = time.monotonic()
                    progress("extract", done, len(missing))
    finally:
        writer.flush()
    return [photo for _, photo in sorted(skipped)]
