"""A folder that is watched for new pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Set
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ...dataset.entries import photos_below
from .picture import Notice, Picture, now

# Looking at names, sizes and times works on every file system, also on network drives, which tell
# nobody of new files.
_POLL_SECONDS = 0.5
_MAX_LOAD = 0.1  # of the time, for looking at very many files
_PATIENCE = 10.0  # seconds in which a picture that is being written changes at least once


_MIN_REMEMBERED = 10_000  # files that are gone


class _Version(NamedTuple):
    """What changes when a file is written."""

    size: int
    changed: int
    inode: int

    def is_back_as(self, other: _Version) -> bool:
        """Tells whether a file that was gone is the same; many drives number files anew."""
        return self[:2] == other[:2]


class _File:
    """A picture in the folder.

    Attributes:
        version: The version that was seen last.
        since: The time at which it was first seen, on the monotonic clock.
        waits: Whether it has not been given yet.
    """

    def __init__(self, version: _Version, waits: bool) -> None:
        self.version = version
        self.since = time.monotonic()
        self.waits = waits


class FolderSource:
    """The new and rewritten pictures in a folder and the folders in it.

    A picture is given when it was the same twice in a row. If it cannot be read even so, it is
    given again until it has not changed for 10 seconds. Pictures that are gone and come back with
    the same size and time, as on a drive that is mounted again, are not new.
    """

    def __init__(self, folder: Path, *, existing: bool) -> None:
        """Remembers the pictures that are there.

        Args:
            folder: The folder.
            existing: Whether to give the pictures that are there now, too.

        Raises:
            ValueError: The folder cannot be read.
        """
        self._folder = folder
        self._files: dict[Path, _File] = {}
        self._gone: dict[Path, _File] = {}  # those that are gone for the longest time come first
        self._most = _MIN_REMEMBERED
        self._is_lost = False
        for path, version in _versions(folder).items():
            self._files[path] = _File(version, waits=existing)

    def pictures(self) -> Iterator[Picture | Notice]:
        """Yields new pictures, those that were written first before the others."""
        for news in self.looks(time.sleep):
            yield from news

    def looks(self, wait: Callable[[float], object]) -> Iterator[list[Picture | Notice]]:
        """Yields what is new at each look, which may be nothing.

        Args:
            wait: Waits for some seconds; the looks end when it returns something true.
        """
        pause = 0.0
        while not (pause and wait(pause)):
            start = time.monotonic()
            news = self._look()
            pause = max(_POLL_SECONDS, (time.monotonic() - start) / _MAX_LOAD)
            yield news

    def will_come_again(self, picture: Picture) -> bool:
        """Tells whether a picture that cannot be read may not be complete yet, and comes again."""
        file = self._files.get(Path(str(picture.origin["path"])))
        if file is None or time.monotonic() - file.since >= _PATIENCE:
            return False
        file.waits = True
        return True

    def close(self) -> None:
        """Does nothing: nothing is open."""

    def _look(self) -> list[Picture | Notice]:
        news: list[Picture | Notice] = []
        try:
            found = _versions(self._folder)
        except (OSError, ValueError) as error:  # a drive that is unmounted may come back
            if not self._is_lost:
                reason = getattr(error, "strerror", None) or str(error)
                news.append(Notice(f"{self._folder}: {reason}: waiting until it can be read again"))
            self._is_lost = True
            self._remember_gone(set(self._files))
            return news
        if self._is_lost:
            self._is_lost = False
            news.append(Notice(f"{self._folder} can be read again"))
        self._remember_gone(self._files.keys() - found.keys())
        settled = []
        for path, version in found.items():
            file = self._files.get(path) or self._come_back(path, version)
            if file is None or file.version != version:
                self._files[path] = _File(version, waits=True)
            elif file.waits:
                settled.append((version.changed, path, file))
        for _, path, file in sorted(settled, key=lambda each: each[:2]):
            file.waits = False
            news.append(Picture(path, {"path": str(path)}, now()))
        return news

    def _remember_gone(self, paths: Set[Path]) -> None:
        # As many as were ever there at once: a whole drive may be gone, bit by bit.
        self._most = max(self._most, len(self._files))
        for path in paths:
            self._gone[path] = self._files.pop(path)
        for path in [*islice(self._gone, max(0, len(self._gone) - self._most))]:
            del self._gone[path]

    def _come_back(self, path: Path, version: _Version) -> _File | None:
        file = self._gone.pop(path, None)
        if file is None or not file.version.is_back_as(version):
            return None
        file.version = version
        self._files[path] = file
        return file


def _versions(folder: Path) -> dict[Path, _Version]:
    """Returns the pictures in a folder and the folders in it.

    Raises:
        ValueError: A folder cannot be read.
        OSError: There is no such folder.
    """
    folder.stat()  # a folder that is gone has no photos, but photos_below raises no error for it
    found = {}
    for path in photos_below(folder):
        try:
            status = path.stat()
        except OSError:  # it was removed in the meantime, or is a link to nothing
            continue
        found[path] = _Version(status.st_size, status.st_mtime_ns, status.st_ino)
    return found
