"""Temporary folders that are removed when nothing refers to them any more."""

import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path

from .origins import PhotoOrigin, file_origin


class TemporaryFolder:
    """A new folder for what a file holds. It is removed with this object, or at the latest at exit.

    ``tempfile.TemporaryDirectory`` warns if it is not closed by hand, and an ``ImageFolder`` has no
    end that a user would have to mark.

    Attributes:
        path: The folder, in the system's folder for temporary files (TMPDIR).
        source: The file, such as ``photos.zip``.
    """

    def __init__(self, source: Path) -> None:
        """Makes the folder."""
        self.path = Path(tempfile.mkdtemp(prefix="coral-learn-"))
        self.source = source
        self._finalizer = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def shown(self, text: str) -> str:
        """Returns a text in which paths in this folder begin with the name of the file."""
        return text.replace(str(self.path), str(self.source))

    def origin(self, path: Path) -> PhotoOrigin | None:
        """Returns the origin of a photo in this folder; None for any other photo.

        Its version is that of the whole file that it was taken from.
        """
        if not path.is_relative_to(self.path):
            return None
        whole = file_origin(self.source)
        name = f"{whole.name}/{path.relative_to(self.path).as_posix()}"
        return file_origin(path)._replace(name=name, version=whole.version)

    def fetch(self, photos: Iterable[Path]) -> None:
        """Reads those photos in this folder that are only listed so far; here there are none."""
