"""The pictures that a project keeps of its photos, named by the SHA-256 of the photo's file.

photos/SHA256.SUFFIX     the files as they were given
thumbnails/SHA256.jpg    small copies of them
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from ..dataset.suffixes import PHOTO_SUFFIXES
from ..extraction.photo_file import PhotoError, read_photo
from ..files import write_atomically
from ..jobs.thumbnail import small_jpeg
from .index import Keep

_FOLDERS: dict[Keep, str] = {"originals": "photos", "thumbnails": "thumbnails"}
_SIZE = 320  # pixels of the longer side of a thumbnail: enough to see what is on it
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Pictures:
    """The pictures in the folder of a project."""

    def __init__(self, project: Path) -> None:
        self._project = project

    def save(
        self, keep: Keep, photos: Iterable[tuple[bytes, str | os.PathLike[str] | None]]
    ) -> None:
        """Keeps pictures of photos.

        Args:
            keep: What to keep of them.
            photos: The digest and the path of each photo; None for one without a file, of which
                nothing is kept.

        Raises:
            PhotoError: A photo is not the one any more that the digest is of.
            OSError: A picture cannot be written.
        """
        if keep == "nothing":
            return
        folder = self._project / _FOLDERS[keep]
        folder.mkdir(exist_ok=True)
        for digest, path in photos:
            if path is None:
                continue
            content = read_photo(path).content
            if hashlib.sha256(content).digest() != digest:
                raise PhotoError("the file changed while it was read: add it again", path)
            suffix, picture = Path(path).suffix.lower(), content
            if keep == "thumbnails":
                suffix, picture = ".jpg", _small(content, path)
            kept = folder / (digest.hex() + (suffix if suffix in PHOTO_SUFFIXES else ""))
            if not kept.exists():
                write_atomically(kept, picture)

    def files(self) -> dict[bytes, Path]:
        """Returns the picture of each photo by its digest, the original if there is one."""
        return {
            digest: Path(path)
            for folder in reversed(_FOLDERS.values())
            for digest, path in self._files_in(folder)
        }

    def remove_others(self, used: Collection[bytes]) -> None:
        """Removes the pictures of photos that are not used.

        Args:
            used: The digests of the photos that are.

        Raises:
            OSError: A file cannot be removed.
        """
        for folder in _FOLDERS.values():
            for digest, path in self._files_in(folder):
                if digest not in used:
                    Path(path).unlink()

    def _files_in(self, folder: str) -> Iterable[tuple[bytes, str]]:
        with suppress(FileNotFoundError), os.scandir(self._project / folder) as entries:
            for entry in entries:
                digest = entry.name.partition(".")[0]
                if _DIGEST.fullmatch(digest) and entry.is_file():  # others are somebody's own
                    yield bytes.fromhex(digest), entry.path


def _small(content: bytes, path: str | os.PathLike[str]) -> bytes:
    try:
        return small_jpeg(content, _SIZE)
    except Exception as error:
        raise PhotoError(f"no small copy of it can be made ({error})", path) from error
