"""The tray of a project: pictures of a camera that are to be sorted into classes later."""

import hashlib
import re
from collections.abc import Collection
from pathlib import Path

from ..files import write_atomically
from ..jobs.thumbnail import small_jpeg

_MAX_PICTURES = 1000
_SIZE = 640  # pixels of the longer side
_ID_DIGITS = 12  # as in a project
_ID = re.compile(f"[0-9a-f]{{{_ID_DIGITS}}}")


class Tray:
    """The pictures of a project's tray, each in a file that is named by its SHA-256.

    A picture that was sorted into a class stays here, hidden, so that it is back when that is
    undone.
    """

    def __init__(self, project: Path) -> None:
        self._folder = project / "tray"

    def add(self, picture: Path, sorted_ids: Collection[str]) -> None:
        """Puts a copy of a picture into the tray, as a JPEG of at most 640 pixels.

        Args:
            picture: The picture.
            sorted_ids: The ids of the photos that the project has.

        Raises:
            ValueError: The tray is full, or the file is no picture.
            OSError: The picture cannot be written.
        """
        if len(self.ids(sorted_ids)) >= _MAX_PICTURES:
            raise ValueError(
                f"the tray has {_MAX_PICTURES} pictures, which is all it holds. Sort some of them."
            )
        try:
            content = small_jpeg(picture.read_bytes(), _SIZE)
        except Exception as error:  # Pillow raises many types
            raise ValueError(f"the picture cannot be read: {error}") from error
        self._folder.mkdir(exist_ok=True)
        write_atomically(self._folder / f"{hashlib.sha256(content).hexdigest()}.jpg", content)

    def ids(self, sorted_ids: Collection[str]) -> list[str]:
        """Returns the ids of the pictures that are not sorted, oldest first."""
        return [name for name in self._files() if name not in sorted_ids]

    def path(self, name: str) -> Path:
        """Returns the file of a picture.

        Raises:
            ValueError: There is no such picture.
        """
        path = self._files().get(name)
        if path is None:
            raise ValueError(f"the tray has no picture {name!r}: it was sorted meanwhile")
        return path

    def remove(self, names: Collection[str]) -> None:
        """Throws pictures away."""
        for name in names:
            self.path(name).unlink()

    def _files(self) -> dict[str, Path]:
        if not self._folder.exists():
            return {}
        found = [(path.stat().st_mtime_ns, path) for path in self._folder.glob("*.jpg")]
        named = {path.stem[:_ID_DIGITS]: path for _, path in sorted(found)}
        return {name: path for name, path in named.items() if _ID.fullmatch(name)}
