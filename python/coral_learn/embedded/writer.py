"""Writing embedded photos: part by part, each whole or not at all."""

from __future__ import annotations

import io
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..files import write_atomically
from .folder import EmbeddedFolder
from .format import Description, schema_of
from .part import PART_NAME, PhotoKey, PhotoVersion, keys_in, parts_in, read_part

if TYPE_CHECKING:  # pyarrow is an extra
    import pyarrow as pa

_GROUP_BYTES = 8_000_000  # of embeddings in a row group, which is read at once
_PART_BYTES = 64_000_000  # of embeddings in a file
_MAX_SECONDS = 60.0  # between two files: what a killed process loses


class EmbeddedPhoto(NamedTuple):
    """A row.

    Attributes:
        key: What it is about.
        version: The version of the photo.
        digest: The SHA-256 of the photo's file.
        embedding: The bytes of its embedding.
    """

    key: PhotoKey
    version: PhotoVersion
    digest: bytes
    embedding: bytes


class PartWriter:
    """Collects rows, and writes a file as soon as there are many, or after a minute."""

    def __init__(self, folder: Path, description: Description) -> None:
        """Takes the folder, which exists, and what all rows have in common."""
        self._folder = folder
        self._description = description
        self._rows: list[EmbeddedPhoto] = []
        self._written = time.monotonic()

    def add(self, photo: EmbeddedPhoto) -> None:
        """Adds a row.

        Raises:
            OSError: The file cannot be written.
        """
        self._rows.append(photo)
        is_full = len(self._rows) * self._description.row_bytes >= _PART_BYTES
        if is_full or time.monotonic() - self._written > _MAX_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes the rows that were added since the last file."""
        rows, self._rows = self._rows, []
        if rows:
            write_atomically(_next_part(self._folder), self._packed(rows))
        self._written = time.monotonic()

    def _packed(self, rows: list[EmbeddedPhoto]) -> bytes:
        import pyarrow as pa

        schema = schema_of(self._description)
        extractor = bytes.fromhex(self._description.extractor)
        cells = [(*row.key, row.digest, extractor, *row.version, row.embedding) for row in rows]
        columns = [
            pa.array(values, field.type)
            for values, field in zip(zip(*cells, strict=True), schema, strict=True)
        ]
        return pack(pa.Table.from_arrays(columns, schema=schema))


def pack(table: pa.Table) -> bytes:
    """Returns the bytes of a Parquet file with row groups of a size to be read at once."""
    import pyarrow.parquet as pq

    file = io.BytesIO()
    width = table.schema.field("embedding").type.byte_width
    pq.write_table(
        table,
        file,
        row_group_size=max(1, _GROUP_BYTES // width),
        # Embeddings hardly repeat and hardly shrink: as they are, they are read ten times as fast.
        use_dictionary=["label", "split", "extractor_sha256"],
        compression={
            name: "none" if name == "embedding" else "snappy" for name in table.column_names
        },
        write_statistics=["label", "split"],
    )
    return file.getvalue()


def remove_rows(folder: EmbeddedFolder, outdated: Collection[PhotoKey]) -> None:
    """Removes rows; only the files that have some are written again.

    Raises:
        ValueError: A file is damaged.
        OSError: A file cannot be written.
    """
    for part in folder.parts:
        kept = [key not in outdated for key in keys_in(part)]
        if not any(kept):
            part.unlink()
        elif not all(kept):
            write_atomically(part, pack(read_part(part).filter(kept)))


def _next_part(folder: Path) -> Path:
    last = parts_in(folder)[-1:]
    number = PART_NAME.fullmatch(last[0].name) if last else None
    following = int(number[1]) + 1 if number else 0
    return folder / f"part-{following:05}.parquet"
