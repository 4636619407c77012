"""Reading a folder of embedded photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..words import counted
from .format import Description, description_in, digests_in
from .part import (
    PhotoKey,
    PhotoVersion,
    columns_of,
    keys_in,
    open_part,
    parts_in,
    read_part,
    reading,
)

if TYPE_CHECKING:  # pyarrow is an extra
    import pyarrow as pa

_MAX_GROUP_BYTES = 1_000_000_000


class RowGroup(NamedTuple):
    """Some rows that are read together.

    Attributes:
        part: The file.
        number: The number of the row group in it.
        rows: The number of rows.
    """

    part: Path
    number: int
    rows: int


class EmbeddedPhotos(NamedTuple):
    """The rows of a folder, in memory.

    Attributes:
        embeddings: The embeddings, [N, D].
        paths: The path or the address of each photo.
        labels: The class of each photo.
        splits: The part of a split that each photo is for, or None.
        digests: The SHA-256 of each photo's file.
    """

    embeddings: Embeddings
    paths: list[str]
    labels: list[str]
    splits: list[str | None]
    digests: list[bytes]


def is_embedded(path: str | os.PathLike[str]) -> bool:
    """Tells whether a path is a folder of embedded photos, without reading them."""
    return bool(parts_in(Path(path)))


class EmbeddedFolder:
    """A folder of Parquet files with embedded photos.

    Attributes:
        path: The folder.
        parts: The files.
        description: What all rows have in common.
        groups: The row groups of all files, in order.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Reads what the files say about themselves, but no rows.

        Raises:
            ValueError: There are no such files, they are damaged, or of different extractors; or
                pyarrow is not installed.
            OSError: A file cannot be read.
        """
        self.path = Path(path)
        self.parts = parts_in(self.path)
        if not self.parts:
            raise ValueError(
                f"{self.path} has no embeddings. Make them with `coral-learn embed PHOTOS "
                "--output DIR`."
            )
        self.groups: list[RowGroup] = []
        descriptions = [self._read_description(part) for part in self.parts]
        if not self.groups:
            raise ValueError(f"{self.path} has no photos in its files. Remove them.")
        self.description = descriptions[0]
        for part, description in zip(self.parts, descriptions, strict=True):
            if description != self.description:
                raise ValueError(
                    f"{part} and {self.parts[0]} are of different runs of `coral-learn embed`. "
                    "Keep the files of each in a folder of its own."
                )

    def __len__(self) -> int:
        return sum(group.rows for group in self.groups)

    @property
    def num_bytes(self) -> int:
        """The number of bytes of all embeddings."""
        return len(self) * self.description.row_bytes

    def known(self) -> dict[PhotoKey, PhotoVersion]:
        """Returns the photos that the folder has, and which version of each."""
        found: dict[PhotoKey, PhotoVersion] = {}
        for part in self.parts:
            versions = columns_of(read_part(part, PhotoVersion._fields), PhotoVersion._fields)
            found |= zip(keys_in(part), map(PhotoVersion._make, versions), strict=True)
        return found

    def read(self, wanted: NDArray[np.bool_] | None = None) -> EmbeddedPhotos:
        """Returns rows.

        Args:
            wanted: Whether to return each row, [N]; None for all.

        Raises:
            ValueError: A file is damaged, or a photo is there twice.
        """
        rows: list[Embeddings] = []
        found = EmbeddedPhotos(Embeddings(np.empty((0, 1), np.uint8)), [], [], [], [])
        start = 0
        for group in self.groups:
            chosen = None if wanted is None else wanted[start : start + group.rows]
            start += group.rows
            if chosen is not None and not chosen.any():
                continue
            table = self.read_group(group, ["embedding", "path", "label", "split", "sha256"])
            if chosen is not None:
                table = table.filter(chosen)
            rows.append(self.description.rows(table["embedding"]))
            found.paths.extend(table["path"].to_pylist())
            found.labels.extend(table["label"].to_pylist())
            found.splits.extend(table["split"].to_pylist())
            found.digests.extend(map(bytes, digests_in(table["sha256"])))
        keys = set(zip(found.paths, found.labels, found.splits, strict=True))
        if len(keys) < len(found.paths):
            raise ValueError(
                f"{self.path} has {counted(len(found.paths) - len(keys), 'row')} twice. Remove "
                "copies of its files."
            )
        return found._replace(embeddings=Embeddings.concatenate(rows))

    def splits(self) -> set[str | None]:
        """Returns the parts of a split that rows are for; None for rows without."""
        found: set[str | None] = set()
        for part in self.parts:
            found.update(read_part(part, ["split"])["split"].unique().to_pylist())
        return found

    def classes(self) -> list[str]:
        """Returns the names of the classes, sorted."""
        found: set[str] = set()
        for part in self.parts:
            found.update(read_part(part, ["label"])["label"].unique().to_pylist())
        return sorted(found)

    def labels(self, group: RowGroup) -> list[str]:
        """Returns the class of each row of a row group."""
        found: list[str] = self.read_group(group, ["label"])["label"].to_pylist()
        return found

    def embeddings(self, group: RowGroup) -> Embeddings:
        """Returns the embeddings of a row group, [N, D]."""
        return self.description.rows(self.read_group(group, ["embedding"])["embedding"])

    def read_group(self, group: RowGroup, columns: Sequence[str]) -> pa.Table:
        """Returns some columns of a row group.

        Raises:
            ValueError: The file is damaged.
        """
        with open_part(group.part) as file:
            return reading(group.part, lambda: file.read_row_group(group.number, list(columns)))

    def _read_description(self, part: Path) -> Description:
        with open_part(part) as file:
            try:
                description = description_in(file.schema_arrow)
            except ValueError as error:
                raise ValueError(f"{part} cannot be used: {error}.") from error
            for index in range(file.num_row_groups):
                rows = file.metadata.row_group(index).num_rows
                if rows * description.row_bytes > _MAX_GROUP_BYTES:
                    raise ValueError(f"{part} cannot be used: it has {rows} rows in one row group.")
                if rows:
                    self.groups.append(RowGroup(part, index, rows))
        return description
