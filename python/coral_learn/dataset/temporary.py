"""Temporary folders that are removed when nothing refers to them any more."""

import shutil
import tempfile
import weakref
from pathlib import Path


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
