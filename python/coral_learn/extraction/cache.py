"""The embedding cache: embeddings on disk, so that a model runs only once on each photo."""

import contextlib
import os
import sqlite3
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..machine import CACHE_VARIABLE, cache_folder
from .cache_file import (
    DATABASE_ERRORS,
    FILE_NAME,
    broken_path,
    connect,
    is_corruption,
    used_bytes,
)
from .cached_rows import CachedRows

DEFAULT_MAX_BYTES = 500_000_000

_IF_BROKEN = "the file is set aside, and the next run creates a new one"
_IF_UNUSABLE = (
    "this run continues without it. `coral-learn cache --clear` empties it, and the environment "
    f"variable {CACHE_VARIABLE} chooses another folder"
)


@dataclass(frozen=True)
class CacheInfo:
    """The contents of a cache.

    Attributes:
        path: The file of the cache.
        embeddings: The number of embeddings, and of rows that say how bright and sharp a photo is.
        bytes: The size of the embeddings on disk, in bytes.
        max_bytes: The size above which the least recently used embeddings are deleted.
    """

    path: Path
    embeddings: int
    bytes: int
    max_bytes: int


class EmbeddingCache:
    """Embeddings by photo and model in one SQLite file, which several processes may share.

    An embedding is stored under the content of the photo's file, not its name, together with
    everything else that it depends on: see :meth:`open`. A cache never makes an extraction fail. If
    its file cannot be used, there is one warning, and the extraction continues without it; a broken
    file is set aside, and a new one is created.

    Attributes:
        path: The file of the cache.
        max_bytes: The size above which the least recently used embeddings are deleted.

    Examples:
        >>> from coral_learn import EmbeddingCache, EmbeddingExtractor
        >>> cache = EmbeddingCache("cache")
        >>> with EmbeddingExtractor("extractor.tflite", cache=cache) as extractor:
        ...     embeddings = extractor.extract(["photo.jpg"])
        >>> cache.info().embeddings
        1
        >>> cache.clear()
        >>> with cache.open(b"my own model, version 1") as rows:
        ...     rows.get(b"digest of a photo")
        >>> cache.info().embeddings
        0
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> None:
        """Sets the path of a cache. Its file is not opened or created yet.

        Args:
            folder: The folder of the cache's file; None for the folder in the environment variable
                CORAL_LEARN_CACHE, or the user's own cache folder if it is not set.
            max_bytes: The size above which the least recently used embeddings are deleted.

        Raises:
            ValueError: ``max_bytes`` is less than 1.
        """
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        self.path = (Path(folder) if folder is not None else cache_folder()) / FILE_NAME
        self.max_bytes = max_bytes
        self._warned = False

    def __repr__(self) -> str:
        return f"EmbeddingCache({str(self.path)!r}, max_bytes={self.max_bytes})"

    @contextlib.contextmanager
    def open(self, source: bytes) -> Iterator[CachedRows]:
        """Gives access to the rows of one source.

        Args:
            source: Everything that a row depends on besides the photo: the model, the
                preprocessing, and the runtime and processor, whose results may differ by a few
                quantization steps.

        Yields:
            The rows, by the digest of each photo's file. They cannot be used outside the ``with``
            statement.
        """
        rows = CachedRows(self.path, self.max_bytes, source)
        try:
            yield rows
        finally:
            problem = rows.close()
        if problem is not None and not self._warned:
            self._warned = True
            advice = _IF_BROKEN if is_corruption(problem, self.path) else _IF_UNUSABLE
            warnings.warn(
                f"the embedding cache {self.path} is not used: {problem}; {advice}", stacklevel=2
            )

    def info(self) -> CacheInfo:
        """Returns what the cache contains.

        Raises:
            OSError: The file cannot be used.
        """
        if not self.path.exists():
            return CacheInfo(self.path, 0, 0, self.max_bytes)
        with self._connection() as connection:
            [count] = connection.execute("SELECT COUNT(*) FROM rows").fetchone()
            return CacheInfo(self.path, count, used_bytes(connection), self.max_bytes)

    def clear(self) -> None:
        """Deletes all embeddings and frees their space on disk.

        Raises:
            OSError: The file cannot be used.
        """
        broken_path(self.path).unlink(missing_ok=True)
        if self.path.exists():
            with self._connection() as connection:
                connection.execute("DELETE FROM rows")
                connection.execute("VACUUM")

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(connect(self.path)) as connection:
                yield connection
        except DATABASE_ERRORS as error:
            raise OSError(f"the embedding cache {self.path} cannot be used: {error}") from error
