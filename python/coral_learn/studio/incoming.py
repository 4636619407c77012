"""Files that a browser sends: kept on disk while they come, and turned into pictures of a class."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ..dataset.archive import unpack
from ..dataset.different_frames import DifferentFrames
from ..dataset.entries import Ignored, photos_below
from ..dataset.suffixes import ARCHIVE_SUFFIXES, VIDEO_SUFFIXES
from ..dataset.videos import INSTALL_VIDEO, VideoError, save_frames
from ..extraction.photo_rows import SkippedPhoto
from .limits import MAX_ARCHIVE_BYTES, MAX_FILES, MAX_PICTURE_BYTES, SPARE_BYTES

_FOLDER = re.compile(r"\.incoming-(\d+)-\w+")


_LARGE_SUFFIXES = (*ARCHIVE_SUFFIXES, *sorted(VIDEO_SUFFIXES))
LIMITS = {
    "bytes": MAX_PICTURE_BYTES,
    "large_bytes": MAX_ARCHIVE_BYTES,
    "large_suffixes": _LARGE_SUFFIXES,
}
"""How large files may be, for pages, which need not send what is refused."""


class RefusedError(ValueError):
    """A request is refused; the message is for people."""


@dataclass
class Pictures:
    """The pictures in files that were sent.

    Attributes:
        paths: Where they are.
        skipped: Files that are no pictures, and why.
        similar: The number of frames that were left out because they hardly differ.
    """

    paths: list[Path] = field(default_factory=list)
    skipped: list[SkippedPhoto] = field(default_factory=list)
    similar: int = 0


class Incoming:
    """The files of one request, in a folder that is removed at the end of a ``with`` statement."""

    def __init__(self, project: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=f".incoming-{os.getpid()}-", dir=project))
        self._files: list[tuple[Path, str]] = []
        self._names: dict[Path, str] = {}

    def __enter__(self) -> "Incoming":
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, name: str) -> "IncomingFile":
        """Opens a file to write what is sent under a name.

        Raises:
            RefusedError: There are too many files.
        """
        if len(self._files) >= MAX_FILES:
            raise RefusedError(
                f"more than {MAX_FILES} files were sent at once. Send them in several steps."
            )
        shown = name.replace("\\", "/").rsplit("/", 1)[-1][-200:] or "a file"
        suffix = next((each for each in ARCHIVE_SUFFIXES if shown.lower().endswith(each)), None)
        path = self._folder / f"{len(self._files):05}{suffix or Path(shown).suffix.lower()[:8]}"
        self._files.append((path, shown))
        self._names[path] = shown
        large = suffix is not None or path.suffix in VIDEO_SUFFIXES
        limit = MAX_ARCHIVE_BYTES if large else MAX_PICTURE_BYTES
        return IncomingFile(path.open("wb"), shown, limit)

    def pictures(self, *, thin: bool = False) -> Pictures:
        """Returns the pictures in the files.

        Args:
            thin: Whether to leave out frames that hardly differ from the one before.
        """
        found = Pictures()
        for path, name in self._files:
            if path.name.endswith(ARCHIVE_SUFFIXES):
                self._unpack(path, name, found)
            elif path.suffix in VIDEO_SUFFIXES:
                self._take_frames(path, name, found)
            else:
                found.paths.append(path)
        if thin:
            different = list(_different(found.paths))
            found.similar = len(found.paths) - len(different)
            found.paths = different
        return found

    def name_of(self, path: str) -> str:
        """Returns the name under which a picture was sent."""
        return self._names.get(Path(path), Path(path).name)

    def _unpack(self, path: Path, name: str, found: Pictures) -> None:
        folder = path.with_name(f"{path.name}.files")
        folder.mkdir()
        ignored = Ignored()
        try:
            unpack(path, folder, ignored)
        except ValueError as error:
            found.skipped.append(SkippedPhoto(name, str(error).replace(str(path), "it")))
            return
        photos = photos_below(folder)
        videos = sorted(each for each in folder.rglob("*") if each.suffix.lower() in VIDEO_SUFFIXES)
        found.paths += photos
        for video in videos:
            self._take_frames(video, f"{name}, {video.name}", found)
        if not photos and not videos:
            reason = f"there is no picture in it{f' ({ignored})' if ignored else ''}"
            found.skipped.append(SkippedPhoto(name, reason))

    def _take_frames(self, path: Path, name: str, found: Pictures) -> None:
        folder = path.with_name(f"{path.name}.frames")
        folder.mkdir()
        try:
            for number, frame in enumerate(save_frames(path, folder)):
                self._names[frame] = f"{name}, frame {number + 1}"
                found.paths.append(frame)
        except VideoError as error:
            found.skipped.append(SkippedPhoto(name, str(error)))
        except ImportError:
            found.skipped.append(SkippedPhoto(name, f"to read videos: {INSTALL_VIDEO}"))


class IncomingFile:
    """A file that is being sent."""

    def __init__(self, file: BinaryIO, name: str, limit: int) -> None:
        self._file = file
        self._name = name
        self._left = limit
        self._limit = limit

    def __enter__(self) -> "IncomingFile":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> None:
        """Writes the next part.

        Raises:
            RefusedError: The file is too large, or the disk is nearly full.
            OSError: The disk is full.
        """
        self._left -= len(data)
        if self._left < 0:
            raise RefusedError(
                f"{self._name} is larger than {self._limit // 1_000_000} MB. Send a smaller file."
            )
        if shutil.disk_usage(self._file.name).free < SPARE_BYTES:
            raise RefusedError(
                "the disk of the studio is almost full. Free some space, and send the rest again."
            )
        self._file.write(data)


def remove_left_files(project: Path) -> None:
    """Removes what studios that were killed had not yet taken up."""
    for folder in project.iterdir():
        name = _FOLDER.fullmatch(folder.name)
        if name and not _is_running(int(name[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(process: int) -> bool:
    """Tells whether there is a process of this number."""
    if os.name == "nt":  # where signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _different(paths: list[Path]) -> Iterator[Path]:
    frames = DifferentFrames()
    for path in paths:
        try:
            with Image.open(path) as picture:
                is_new = frames.is_new(picture)
        except Exception:  # Pillow raises many types; why it cannot be read is said later
            is_new = True
        if is_new:
            yield path
