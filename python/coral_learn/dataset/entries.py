"""The entries of folders: photos, videos, folders, and what is none of these."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..words import counted, listed
from .suffixes import METADATA_NAMES, PHOTO_SUFFIXES, VIDEO_SUFFIXES

# What systems, network drives and photo programs leave in folders. All names that begin with a dot
# are ignored too, such as .DS_Store, .thumbnails, .ipynb_checkpoints and ._1.jpg, the resource fork
# that macOS writes beside 1.jpg.
_SYSTEM_NAMES = frozenset(
    {"#recycle", "#snapshot", "$recycle.bin", "@eadir", "@recycle", "@__thumb", "@tmp"}
    | {"__macosx", "__pycache__", "desktop.ini", "ehthumbs.db", "lost+found"}
    | {"system volume information", "thumbs.db"}
)


class Ignored:
    """The entries that are no photos, to tell the user about them.

    Attributes:
        files: The number of files.
        folders: The number of folders and of links to folders, which are not entered.
        names: The names of the entries, each once.
    """

    def __init__(self) -> None:
        self.files = 0
        self.folders = 0
        self.names: dict[str, None] = {}

    def add(self, name: str, is_folder: bool = False) -> None:
        """Adds a file or a folder by its name."""
        self.folders += is_folder
        self.files += not is_folder
        self.names[name] = None

    def update(self, other: "Ignored") -> None:
        """Adds the entries of another folder."""
        self.files += other.files
        self.folders += other.folders
        self.names.update(other.names)

    def forget(self, name: str) -> None:
        """Removes a file that is used after all."""
        if self.names.pop(name, "") is None:
            self.files -= 1

    def __str__(self) -> str:
        kinds = [counted(self.files, "file")] if self.files else []
        kinds += [counted(self.folders, "folder")] if self.folders else []
        what = "is no photo" if self.files + self.folders == 1 else "are no photos"
        return f"ignored {' and '.join(kinds)} that {what}: {listed(list(self.names))}"

    def __bool__(self) -> bool:
        return bool(self.names)


class Entries(NamedTuple):
    """The entries of one folder, as paths.

    Attributes:
        photos: The photos.
        videos: The videos.
        folders: The folders.
        links: The links to folders.
    """

    photos: list[str]
    videos: list[str]
    folders: list[str]
    links: list[str]

    @property
    def class_folders(self) -> list[Path]:
        """The folders and the links to folders, sorted: a class folder may be a link."""
        return sorted(map(Path, self.folders + self.links))


class PhotoFiles(NamedTuple):
    """The photos and the videos in a folder, at any depth, sorted.

    Attributes:
        photos: The photos.
        videos: The videos.
    """

    photos: list[Path]
    videos: list[Path]


def list_entries(path: str | os.PathLike[str], ignored: Ignored) -> Entries:
    """Lists one folder.

    Args:
        path: The folder.
        ignored: Gets the entries that are neither photos, nor videos, nor folders.

    Raises:
        OSError: The folder cannot be read.
    """
    found = Entries([], [], [], [])
    with os.scandir(path) as entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 (100,000 Paths take time)
            if is_system_name(entry.name):
                ignored.add(entry.name, is_folder)
            elif is_folder:
                found.folders.append(entry.path)
            elif suffix in PHOTO_SUFFIXES:
                found.photos.append(entry.path)
            elif suffix in VIDEO_SUFFIXES:
                found.videos.append(entry.path)
            elif entry.is_symlink() and entry.is_dir():
                found.links.append(entry.path)
            else:
                ignored.add(entry.name, is_folder)
    return found


def is_system_name(name: str) -> bool:
    """Tells whether a file or folder of this name belongs to a system, not to the user."""
    return name.startswith(".") or name.casefold() in _SYSTEM_NAMES


def files_below(path: str | os.PathLike[str], ignored: Ignored) -> PhotoFiles:
    """Returns the photos and videos in a folder, at any depth.

    Links to folders are not followed, so that a loop of links cannot hang.

    Raises:
        ValueError: A folder cannot be read.
    """
    photos: list[str] = []
    videos: list[str] = []
    for entries in _walk(path, ignored):
        photos += entries.photos
        videos += entries.videos
        for link in entries.links:
            ignored.add(Path(link).name, is_folder=True)
    return PhotoFiles(sorted(map(Path, photos)), sorted(map(Path, videos)))


def has_photos(path: str | os.PathLike[str]) -> bool:
    """Tells whether a folder has a photo or a video, at any depth."""
    return any(entries.photos or entries.videos for entries in _walk(path, Ignored()))


def photos_below(path: Path) -> list[Path]:
    """Returns the photos in a folder, at any depth, sorted; for a file, returns the file.

    Links to folders are not followed, so that a loop of links cannot hang.

    Raises:
        ValueError: A folder cannot be read.
    """
    return files_below(path, Ignored()).photos if path.is_dir() else [path]


def _walk(path: str | os.PathLike[str], ignored: Ignored) -> Iterator[Entries]:
    waiting = [os.fspath(path)]
    while waiting:  # not os.walk, which is recursive before Python 3.12
        try:
            entries = list_entries(waiting.pop(), ignored)
        except FileNotFoundError:  # removed while other folders were listed
            continue
        except OSError as error:
            raise unreadable(error) from error
        waiting += entries.folders
        yield entries


def unreadable(error: OSError) -> ValueError:
    """Returns the error for a folder that cannot be read."""
    return ValueError(f"cannot read the folder {error.filename}: {error.strerror}")


def metadata_listing(folder: Path) -> Path | None:
    """Returns the listing in a folder that has Hugging Face's name for it, or None."""
    return next((folder / name for name in METADATA_NAMES if (folder / name).is_file()), None)
