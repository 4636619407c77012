"""Embedded photos as an ``ImageFolder``: in the same order as the photos themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ..dataset.addresses import is_address
from ..dataset.entries import Ignored
from ..dataset.folder import ImageFolder
from ..dataset.groups import Found, Group, Part
from ..dataset.origins import PhotoOrigin
from ..embeddings import Embeddings

if TYPE_CHECKING:
    from ..dataset.temporary import TemporaryFolder
    from .folder import EmbeddedFolder


class EmbeddedImages(NamedTuple):
    """Photos that need not be there any more, with their embeddings.

    Attributes:
        folder: The photos, as if they were listed.
        embeddings: The embedding of each, [N, D].
        digests: The SHA-256 of each photo's file.
        rows: The place of each photo among the rows that were read, [N].
    """

    folder: ImageFolder
    embeddings: Embeddings
    digests: list[bytes]
    rows: NDArray[np.int64]


def read_images(opened: EmbeddedFolder, wanted: NDArray[np.bool_] | None = None) -> EmbeddedImages:
    """Reads rows of a folder of embedded photos.

    Args:
        opened: The folder.
        wanted: Whether to read each row; None for all.

    Raises:
        ValueError: A file is damaged.
    """
    rows = opened.read(wanted)
    temporary: list[TemporaryFolder] = []
    source, *paths = _places([opened.description.source, *rows.paths], temporary)
    groups: dict[tuple[str, str | None], Group] = {}
    row_of: dict[tuple[Path, str], int] = {}
    for row, (path, label, split) in enumerate(zip(paths, rows.labels, rows.splits, strict=True)):
        part = cast("Part | None", split)
        groups.setdefault((label, split), Group(label, part, [], [])).photos.append(path)
        row_of[path, label] = row
    folder = ImageFolder.of_found(source, Found([*groups.values()], [], Ignored(), temporary))
    order = np.array(
        [
            row_of[path, folder.classes[label]]
            for path, label in zip(folder.paths, folder.labels.tolist(), strict=True)
        ],
        np.int64,
    )
    digests = [rows.digests[row] for row in order]
    return EmbeddedImages(folder, rows.embeddings[order], digests, order)


def _places(paths: list[str], temporary: list[TemporaryFolder]) -> list[Path]:
    """Returns a path for each photo; one at an address has a place where it could be copied to."""
    if not any(map(is_address, paths)):
        return list(map(Path, paths))
    from ..dataset.remote import RemotePhotos

    remote = RemotePhotos(paths[0])
    temporary.append(remote)
    return [
        remote.add(PhotoOrigin(path, path, None, "")) if is_address(path) else Path(path)
        for path in paths
    ]
