"""The tray of a project: pictures of a camera that are to be sorted into classes later."""

import os
import re
from pathlib import Path

from ..files import write_atomically
from ..jobs.thumbnail import small_jpeg

_MAX_PICTURES = 1000
_SIZE = 640  # pixels of the longer side
_ID = re.compile(r"[0-9a-f]{16}")


class Tray:
    """The pictures of a project's tray, each in a file of its own."""

    def __init__(self, project: Path) -> None:
        self._folder = project / "tray"

    def add(self, picture: Path) -> None:
        """Puts a copy of a picture into the tray, as a JPEG of at most 640 pixels.

        Raises:
            ValueError: The tray is full, or the file is no picture.
            OSError: The picture cannot be written.
        """
        if len(self) >= _MAX_PICTURES:
            raise ValueError(
                f"the tray has {_MAX_PICTURES} pictures, which is all it holds. Sort some of them."
            )
        try:
            content = small_jpeg(picture.read_bytes(), _SIZE)
        except Exception as error:  # Pillow raises many types
            raise ValueError(f"the picture cannot be read: {error}") from error
        self._folder.mkdir(exist_ok=True)
        write_atomically(self._folder / f"{os.urandom(8).hex()}.jpg", content)

    def ids(self) -> list[str]:
        """Returns the ids of the pictures, oldest first."""
        files = [path for path in self._files() if _ID.fullmatch(path.stem)]
        return [path.stem for path in sorted(files, key=lambda path: path.stat().st_mtime_ns)]

    def path(self, name: str) -> Path:
        """Returns the file of a picture.

        Raises:
            ValueError: There is no such picture.
        """
        path = self._folder / f"{name}.jpg"
        if not _ID.fullmatch(name) or not path.exists():
            raise ValueError(f"the tray has no picture {name!r}: it was sorted meanwhile")
        return path

    def remove(self, names: list[str]) -> None:
        """Removes pictures."""
        for name in names:
            self.path(name).unlink()

    def __len__(self) -> int:
        return len(self._files())

    def _files(self) -> list[Path]:
        return list(self._folder.glob("*.jpg")) if self._folder.exists() else []
