"""Embeddings kept on the disk, so that a photo seen before need not go through the model again."""

import contextlib
import hashlib
import os
import sqlite3
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CACHE_VARIABLE = "CORAL_LEARN_CACHE"
"""The environment variable with the folder of the cache."""

DEFAULT_MAX_BYTES = 500_000_000

# Another layout takes another file, and older versions of this package keep theirs.
_VERSION = 1
_FILE_NAME = f"embeddings-{_VERSION}.sqlite3"
_LAYOUT = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, value BLOB NOT NULL, used REAL NOT NULL);
    CREATE INDEX IF NOT EXISTS rows_by_use ON rows (used);
    PRAGMA user_version = {_VERSION};
    COMMIT;
"""
_DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError)  # the latter of a damaged name in a message
_SET_ASIDE = "it is set aside, and the next run makes a new one"
_OTHERWISE = (
    f"the work goes on without it. `coral-learn cache --clear` empties it, {CACHE_VARIABLE} names "
    "another folder"
)
_BATCH = 64  # rows written at once; a killed process loses no more
_BUSY_SECONDS = 10.0  # to wait for another process that writes
_FRESH_SECONDS = 3600.0  # for which a use is not noted again, so that reading seldom writes
_KEPT_SHARE = 0.9  # of the size limit, down to which old rows are deleted


@dataclass(frozen=True)
class CacheInfo:
    """What a cache holds.

    Attributes:
        path: Its file.
        embeddings: The number of embeddings.
        bytes: Their size on the disk.
        max_bytes: The size from which the least recently used ones are deleted.
    """

    path: Path
    embeddings: int
    bytes: int
    max_bytes: int


class EmbeddingCache:
    """Embeddings by photo and model in one SQLite file, which several processes may share.

    An embedding is found by the content of the photo's file, whatever its name, together with all
    else that it depends on: see :meth:`open`. The cache never stands in the way: where its
    file cannot be used, there is one warning, and the work goes on without it; a broken file is
    set aside and a new one made.
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> None:
        """Names a cache; nothing is opened or made.

        Args:
            folder: Where its file is or will be; None for the environment variable
                CORAL_LEARN_CACHE, or else the user's own cache folder.
            max_bytes: The size from which the least recently used embeddings are deleted.

        Raises:
            ValueError: ``max_bytes`` is less than 1.
        """
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        self.path = (Path(folder) if folder is not None else default_folder()) / _FILE_NAME
        self.max_bytes = max_bytes
        self._warned = False

    @contextlib.contextmanager
    def open(self, source: bytes) -> Iterator["CachedRows"]:
        """Gives access to the rows of one source.

        Args:
            source: Names all that a row depends on beside the photo: the model, the preprocessing,
                and the runtime and processor, whose results differ by some quantization steps.
        """
        rows = CachedRows(self, source)
        try:
            yield rows
        finally:
            problem = rows.close()
        if problem is not None and not self._warned:
            self._warned = True
            advice = _SET_ASIDE if _is_corruption(problem, self.path) else _OTHERWISE
            warnings.warn(
                f"the embedding cache {self.path} is not used: {problem}; {advice}", stacklevel=2
            )

    def info(self) -> CacheInfo:
        """Tells what the cache holds.

        Raises:
            OSError: The file cannot be used.
        """
        if not self.path.exists():
            return CacheInfo(self.path, 0, 0, self.max_bytes)
        with self._connection() as connection:
            [count] = connection.execute("SELECT COUNT(*) FROM rows").fetchone()
            return CacheInfo(self.path, count, _used_bytes(connection), self.max_bytes)

    def clear(self) -> None:
        """Deletes all embeddings and gives the space back.

        Raises:
            OSError: The file cannot be used.
        """
        _aside(self.path).unlink(missing_ok=True)
        if self.path.exists():
            with self._connection() as connection:
                connection.execute("DELETE FROM rows")
                connection.execute("VACUUM")

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(_connect(self.path)) as connection:
                yield connection
        except _DATABASE_ERRORS as error:
            raise OSError(f"the embedding cache {self.path} cannot be used: {error}") from error


class CachedRows:
    """The rows of one source in a cache; made by :meth:`EmbeddingCache.open`, for many threads."""

    def __init__(self, cache: EmbeddingCache, source: bytes) -> None:
        self._path = cache.path
        self._max_bytes = cache.max_bytes
        self._source = hashlib.blake2b(source, digest_size=32).digest()
        self._lock = threading.Lock()
        self._new: dict[bytes, bytes] = {}
        self._used: list[bytes] = []
        self._problem: Exception | None = None
        self._connection: sqlite3.Connection | None = None
        with self._tolerant():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(self._path)
            self._inode = _inode(self._path)

    def key(self, photo: bytes) -> bytes:
        """Returns the key of a photo's row, from the bytes of the photo's file."""
        return hashlib.blake2b(photo, key=self._source, digest_size=32).digest()

    def get(self, key: bytes) -> bytes | None:
        """Returns the row under a key, or None."""
        found = None
        with self._lock, self._tolerant():
            if self._connection is not None:
                query = "SELECT value, used FROM rows WHERE key = ?"
                found = self._connection.execute(query, (key,)).fetchone()
            if found is not None and not _is_fresh(found[1]):
                self._used.append(key)
        return None if found is None else _unsealed(key, found[0])

    def put(self, key: bytes, row: bytes) -> None:
        """Keeps a row under a key."""
        with self._lock, self._tolerant():
            if self._connection is not None:
                self._new[key] = row
                if len(self._new) >= _BATCH:
                    self._write(self._connection)

    def close(self) -> Exception | None:
        """Writes what is left; returns what went wrong since the cache was opened, if anything."""
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
        """Stops using the cache at the first error, and remembers it."""
        try:
            yield
        except (*_DATABASE_ERRORS, OSError) as error:
            self._problem = error
            self._disconnect()
            if _is_corruption(error, self._path):
                with contextlib.suppress(OSError):
                    _set_aside(self._path, self._inode)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def default_folder() -> Path:
    """Returns the folder of the cache where none is given."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(base)) / "coral-learn"  # noqa: PTH111 (never raises)


def _connect(path: Path) -> sqlite3.Connection:
    """Opens the file, or makes it; a broken one is set aside first."""
    inode = _inode(path)
    try:
        return _open_database(path)
    except _DATABASE_ERRORS as error:
        if not _is_corruption(error, path):
            raise
    _set_aside(path, inode)
    return _open_database(path)


def _open_database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = bytes  # a damaged row may claim to be text, and be none
    try:
        if connection.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            _lay_out(connection)
        connection.execute("PRAGMA synchronous = NORMAL")  # for WAL, safe after a kill
    except BaseException:
        connection.close()
        raise
    return connection


def _lay_out(connection: sqlite3.Connection) -> None:
    """Makes the tables, unless another process is faster."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:  # SQLite itself does not wait for this lock
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.executescript(_LAYOUT)


def _is_corruption(error: Exception, path: Path) -> bool:
    """Tells whether an error comes from a damaged file."""
    # "not a database" and "malformed"; all else that SQLite raises is of a subclass.
    if type(error) in (sqlite3.DatabaseError, UnicodeDecodeError):
        return True
    # A damaged schema shows in tables or columns that are not there, a damaged header in these.
    text = str(error) if isinstance(error, sqlite3.OperationalError) else ""
    if "readonly database" in text:
        return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return "no such" in text or "unsupported file format" in text


def _is_fresh(used: Any) -> bool:
    return isinstance(used, float) and time.time() - used <= _FRESH_SECONDS


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _set_aside(path: Path, inode: int | None) -> None:
    """Renames the broken file with this inode, unless another process has put a new one there."""
    if _inode(path) == inode:
        for suffix in ("-wal", "-shm"):  # of the broken file; they would spoil a new one
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(_aside(path))


def _aside(path: Path) -> Path:
    return path.with_name(path.name + ".broken")


def _sealed(key: bytes, row: bytes) -> bytes:
    return zlib.crc32(row, zlib.crc32(key)).to_bytes(4, "little") + row


def _unsealed(key: bytes, value: Any) -> bytes | None:
    """Returns the row of a stored value, or None where the disk has changed it or its type."""
    return value[4:] if isinstance(value, bytes) and _sealed(key, value[4:]) == value else None


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, unused, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - unused) * size


def _delete_oldest(connection: sqlite3.Connection, max_bytes: int) -> None:
    used = _used_bytes(connection)
    if used <= max_bytes:
        return
    [count] = connection.execute("SELECT COUNT(*) FROM rows").fetchone()
    surplus = round(count * (1 - _KEPT_SHARE * max_bytes / used))
    connection.execute(
        "DELETE FROM rows WHERE rowid IN (SELECT rowid FROM rows ORDER BY used LIMIT ?)", (surplus,)
    )
