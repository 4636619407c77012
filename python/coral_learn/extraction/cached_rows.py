"""Reading and writing the rows of one model in the embedding cache, from many threads."""

import contextlib
import hashlib
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from .cache_file import (
    DATABASE_ERRORS,
    connect,
    inode_of,
    is_corruption,
    set_aside,
    used_bytes,
)

_BATCH = 64  # the number of rows written at once, and the most that a killed process loses
_FRESH_SECONDS = 3600.0  # a use is not recorded again for this time, so that reads rarely write
_KEPT_SHARE = 0.9  # the part of the size limit that is kept when old rows are deleted

_StoredValue = bytes | int | float | str | None
"""A value of an SQLite row, which may have any of its types in a damaged file."""


class CachedRows:
    """The rows of one source in a cache, for many threads; see :meth:`EmbeddingCache.open`."""

    def __init__(self, path: Path, max_bytes: int, source: bytes) -> None:
        """Opens the file of a cache.

        Args:
            path: The SQLite file.
            max_bytes: The size above which the least recently used rows are deleted.
            source: Everything that a row depends on besides the photo.
        """
        self._path = path
        self._max_bytes = max_bytes
        self._source = hashlib.blake2b(source, digest_size=32).digest()
        self._lock = threading.Lock()
        self._new: dict[bytes, bytes] = {}
        self._used: list[bytes] = []
        self._problem: Exception | None = None
        self._connection: sqlite3.Connection | None = None
        with self._tolerant():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = connect(self._path)
            self._inode = inode_of(self._path)

    def key(self, digest: bytes) -> bytes:
        """Returns the key of a photo's row, from the SHA-256 of the photo's file."""
        return hashlib.blake2b(digest, key=self._source, digest_size=32).digest()

    def get(self, key: bytes) -> bytes | None:
        """Returns the row of a key, or None if the cache does not have it."""
        found = None
        with self._lock, self._tolerant():
            if self._connection is not None:
                query = "SELECT value, used FROM rows WHERE key = ?"
                found = self._connection.execute(query, (key,)).fetchone()
            if found is not None and not _is_fresh(found[1]):
                self._used.append(key)
        return None if found is None else _unsealed(key, found[0])

    def put(self, key: bytes, row: bytes) -> None:
        """Stores the row of a key."""
        with self._lock, self._tolerant():
            if self._connection is not None:
                self._new[key] = row
                if len(self._new) >= _BATCH:
                    self._write(self._connection)

    def close(self) -> Exception | None:
        """Writes the rows that are left, and returns the first error since the cache was opened."""
        with self._lock:
            with self._tolerant():
                if self._connection is not None and (self._new or self._used):
                    self._write(self._connection)
            self._disconnect()
            return self._problem

    def _write(self, connection: sqlite3.Connection) -> None:
        now = time.time()
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?)",
                [(key, _sealed(key, row), now) for key, row in self._new.items()],
            )
            connection.executemany(
                "UPDATE rows SET used = ? WHERE key = ?", [(now, key) for key in self._used]
            )
            _delete_oldest(connection, self._max_bytes)
        self._new.clear()
        self._used.clear()

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Stops using the cache at the first error, and remembers the error."""
        try:
            yield
        except (*DATABASE_ERRORS, OSError) as error:
            self._problem = error
            self._disconnect()
            if is_corruption(error, self._path):
                with contextlib.suppress(OSError):
                    set_aside(self._path, self._inode)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_fresh(used: _StoredValue) -> bool:
    return isinstance(used, float) and time.time() - used <= _FRESH_SECONDS


def _sealed(key: bytes, row: bytes) -> bytes:
    """Returns a row with a checksum in front of it."""
    return zlib.crc32(row, zlib.crc32(key)).to_bytes(4, "little") + row


def _unsealed(key: bytes, value: _StoredValue) -> bytes | None:
    """Returns the row in a stored value, or None if the value or its type was damaged."""
    return value[4:] if isinstance(value, bytes) and _sealed(key, value[4:]) == value else None


def _delete_oldest(connection: sqlite3.Connection, max_bytes: int) -> None:
    used = used_bytes(connection)
    if used <= max_bytes:
        return
    [count] = connection.execute("SELECT COUNT(*) FROM rows").fetchone()
    surplus = round(count * (1 - _KEPT_SHARE * max_bytes / used))
    connection.execute(
        "DELETE FROM rows WHERE rowid IN (SELECT rowid FROM rows ORDER BY used LIMIT ?)", (surplus,)
    )
