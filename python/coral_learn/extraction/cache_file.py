"""The SQLite file of the embedding cache: opening it, and setting a broken one aside."""

import os
import sqlite3
import time
from pathlib import Path

# A new version of the tables gets a new file, so that older versions of this package keep theirs.
_VERSION = 1
FILE_NAME = f"embeddings-{_VERSION}.sqlite3"
_TABLES = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, value BLOB NOT NULL, used REAL NOT NULL);
    CREATE INDEX IF NOT EXISTS rows_by_use ON rows (used);
    PRAGMA user_version = {_VERSION};
    COMMIT;
"""
DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""The errors that sqlite3 raises; the second one comes from a damaged name in an error message."""

_BUSY_SECONDS = 10.0  # the time to wait for another process that writes


def connect(path: Path) -> sqlite3.Connection:
    """Opens the file or creates it, after setting a broken one aside."""
    inode = inode_of(path)
    try:
        return _open_database(path)
    except DATABASE_ERRORS as error:
        if not is_corruption(error, path):
            raise
    set_aside(path, inode)
    return _open_database(path)


def _open_database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = bytes  # a damaged row may claim to be text without being UTF-8
    try:
        if connection.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            _create_tables(connection)
        connection.execute("PRAGMA synchronous = NORMAL")  # survives a kill, because of WAL
    except BaseException:
        connection.close()
        raise
    return connection


def _create_tables(connection: sqlite3.Connection) -> None:
    """Creates the tables, unless another process creates them first."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:  # SQLite itself does not wait for this lock
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.executescript(_TABLES)


def is_corruption(error: Exception, path: Path) -> bool:
    """Tells whether an error was caused by a damaged file."""
    # "not a database" and "malformed"; SQLite raises a subclass for all other problems.
    if type(error) in (sqlite3.DatabaseError, UnicodeDecodeError):
        return True
    # A damaged schema shows as missing tables or columns; a damaged header shows as a read-only
    # database or an unsupported file format.
    text = str(error) if isinstance(error, sqlite3.OperationalError) else ""
    if "readonly database" in text:
        return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return "no such" in text or "unsupported file format" in text


def inode_of(path: Path) -> int | None:
    """Returns the inode of a file, or None if there is no such file."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def set_aside(path: Path, inode: int | None) -> None:
    """Renames the broken file with this inode, unless another process has replaced it already."""
    if inode_of(path) == inode:
        for suffix in ("-wal", "-shm"):  # they belong to the broken file and would damage a new one
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(broken_path(path))


def broken_path(path: Path) -> Path:
    """Returns the path that a broken file is renamed to."""
    return path.with_name(path.name + ".broken")


def used_bytes(connection: sqlite3.Connection) -> int:
    """Returns the size of the rows and the indices, in bytes."""
    pages, unused, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - unused) * size
