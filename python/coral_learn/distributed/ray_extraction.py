"""Extraction on Ray: actors that each hold an interpreter, and photos that go to a free one."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..extraction.embedded_rows import EmbeddedRow, stream_rows
from ..extraction.extractor import EmbeddingExtractor
from ..tflite.normalization import Normalization
from ..tflite.resizing import View
from ..words import counted

if TYPE_CHECKING:  # pyarrow comes with Ray
    import pyarrow as pa

_MIN_BLOCK, _MAX_BLOCK = 16, 256  # photos that one actor takes at once, and begins again if it dies
_BLOCKS_AHEAD = 8  # for each worker, so that all end at about the same time


class ExtractorSettings(NamedTuple):
    """What an actor needs to open an extractor.

    Attributes:
        content: The bytes of the extractor.
        device: The device, as for :class:`coral_learn.EmbeddingExtractor`.
        normalization: How pixels are normalized; None for what the extractor says.
        resize: What it sees of a photo.
    """

    content: bytes
    device: str | None
    normalization: Normalization | None
    resize: View


class ExtractionWorker:
    """An actor that holds its own interpreter, as Ray Data's ``map_batches`` takes it."""

    def __init__(self, settings: ExtractorSettings) -> None:
        """Opens the extractor in the actor's process."""
        self._extractor = EmbeddingExtractor(
            settings.content,
            device=settings.device,
            workers=1,
            normalization=settings.normalization,
            resize=settings.resize,
        )

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Returns the outcomes of photos, with the columns of :class:`EmbeddedRow`."""
        import pyarrow as pa

        rows = list(stream_rows(self._extractor, batch["location"].to_pylist()))
        found = dict(zip(EmbeddedRow._fields, map(list, zip(*rows, strict=True)), strict=True))
        return pa.table(
            {
                "number": batch["number"],
                "embedding": pa.array(found["embedding"], pa.large_binary()),
                "digest": pa.array(found["digest"], pa.binary()),
                "problem": pa.array(found["problem"], pa.string()),
            }
        )


def extract_on_ray(
    settings: ExtractorSettings, photos: Sequence[str], workers: int
) -> Generator[EmbeddedRow, None, None]:
    """Yields the outcome of each photo, in any order, each once.

    The photos of an actor that dies go to another, and the actor is started again.

    Args:
        settings: The extractor.
        photos: The path or the address of each photo, as all machines of the cluster can read it.
        workers: The number of actors.

    Raises:
        ValueError: An actor failed for another reason than a photo.
    """
    import ray
    from ray.exceptions import RayError

    if not photos:
        return
    block = min(max(len(photos) // (workers * _BLOCKS_AHEAD), _MIN_BLOCK), _MAX_BLOCK)
    rows = ray.data.from_items(
        [{"number": number, "location": photo} for number, photo in enumerate(photos)],
        override_num_blocks=math.ceil(len(photos) / block),
    ).map_batches(
        ExtractionWorker,
        fn_constructor_args=(settings,),
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
        num_cpus=1,
    )
    seen = bytearray(len(photos))
    try:
        for batch in rows.iter_batches(batch_size=None, batch_format="pyarrow"):
            for row in rows_of(batch):
                if not seen[row.number]:
                    seen[row.number] = 1
                    yield row
    except RayError as error:
        cause = " ".join(str(getattr(error, "cause", None) or error).split())
        raise ValueError(f"an actor of Ray failed: {cause}") from error
    lost = seen.count(0)
    if lost:
        raise ValueError(f"{counted(lost, 'photo')} got lost on the way. Run the same again.")


def rows_of(batch: pa.Table) -> Iterator[EmbeddedRow]:
    """Yields the outcomes in a table with the columns of :class:`EmbeddedRow`."""
    for values in batch.to_pylist():
        yield EmbeddedRow(**{name: values[name] for name in EmbeddedRow._fields})
