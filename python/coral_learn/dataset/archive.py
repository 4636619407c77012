"""Archives of photos: zip and tar files, unpacked without trust in what they claim."""

import errno
import re
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from .archive_files import ArchivedFile, archived_files
from .entries import Ignored, is_system_name
from .suffixes import LISTING_SUFFIXES, PHOTO_SUFFIXES, VIDEO_SUFFIXES

_WANTED_SUFFIXES = PHOTO_SUFFIXES | VIDEO_SUFFIXES | LISTING_SUFFIXES
_MAX_FILES = 200_000
# Photos hardly shrink in an archive, and drawings by a factor of up to 100; bombs by 1000 and more.
_MAX_RATIO = 150
_ANY_RATIO_BYTES = 100_000_000  # so much is unpacked at any ratio
_SPARE_BYTES = 100_000_000  # so much stays free on the disk
_CHUNK = 1 << 20
_NAME_ERRORS = (errno.EEXIST, errno.EISDIR, errno.EILSEQ, errno.ENAMETOOLONG, errno.ENOTDIR)
_DRIVE = re.compile(r"[A-Za-z]:/")


def unpack(
    archive: Path, target: Path, ignored: Ignored, also: Collection[str] = frozenset()
) -> None:
    """Unpacks the photos, the videos and the listings of an archive, and its empty folders.

    Nothing is written outside of ``target``, and no link or device is made. Other files are
    neither read nor written.

    Args:
        archive: A zip or tar file.
        target: An empty folder.
        ignored: Gets the files that are not unpacked.
        also: The suffixes of other files to unpack.

    Raises:
        ValueError: The archive is damaged, encrypted or hostile, or the disk is full.
        OSError: A file cannot be read or written.
    """
    limit = _ANY_RATIO_BYTES + _MAX_RATIO * archive.stat().st_size
    written = 0
    with archived_files(archive) as files:
        for number, file in enumerate(files):
            if number >= _MAX_FILES:
                raise ValueError(
                    f"{archive} has more than {_MAX_FILES} files. Unpack it yourself, and give the "
                    "folder."
                )
            if file.position > limit:
                raise _too_large(archive, limit)
            is_wanted = Path(file.name).suffix.lower() in _WANTED_SUFFIXES | {*also}
            written += _unpack_file(file, is_wanted, target, archive, limit - written, ignored)


def _unpack_file(
    file: ArchivedFile, is_wanted: bool, target: Path, archive: Path, limit: int, ignored: Ignored
) -> int:
    """Unpacks one file if it is wanted, and returns how many bytes were written."""
    place = target / _safe_name(file.name, archive)
    parts = place.relative_to(target).parts
    system = next(filter(is_system_name, parts), None)
    if system is not None:
        ignored.add(system)
        return 0
    folder = place if file.is_folder else place.parent  # made even if it stays empty: an error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if file.is_folder:
            return 0
        if file.is_plain and is_wanted:
            return _write(file, place, limit, archive)
    except OSError as error:
        if error.errno not in _NAME_ERRORS:
            raise
        raise ValueError(
            f"{archive} has a file that cannot be unpacked: {file.name}: "
            f"{error.strerror}. Unpack the archive yourself, and give the folder."
        ) from error
    ignored.add(place.name)
    return 0


def _write(file: ArchivedFile, place: Path, limit: int, archive: Path) -> int:
    if shutil.disk_usage(place.parent).free < _SPARE_BYTES:
        raise ValueError(
            f"{archive} does not fit into the temporary folder {tempfile.gettempdir()}, which is "
            "almost full. Set TMPDIR to a folder with more space, or unpack the archive yourself."
        )
    size = 0
    with file.open() as source, place.open("wb") as copy:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise _too_large(archive, limit)
            copy.write(chunk)
    return size


def _safe_name(name: str, archive: Path) -> str:
    """Returns the name of a file as a path that stays below the folder that it is added to."""
    path = name.replace("\\", "/")  # some programs on Windows write these into zip files
    if path.startswith("/") or _DRIVE.match(path) or ".." in path.split("/"):
        raise ValueError(
            f"{archive} has a file that would be written outside of its folder: {name!r}. "
            "Do not use this archive, or unpack it with a program that you trust."
        )
    return path


def _too_large(archive: Path, limit: int) -> ValueError:
    return ValueError(
        f"{archive} holds more than {limit // 1_000_000} MB, as only an archive does that is made "
        "to fill the disk. If you trust it, unpack it yourself, and give the folder."
    )
