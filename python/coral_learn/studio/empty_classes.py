"""Classes that have a name and no photo yet, which a project itself cannot have."""

import json
from pathlib import Path

from ..files import write_atomically


class EmptyClasses:
    """The names of the classes of a project that have no photo yet, kept in a file.

    Attributes:
        file: The file.
    """

    def __init__(self, project: Path) -> None:
        self.file = project / "empty-classes.json"

    @property
    def names(self) -> list[str]:
        """The names, in the order in which they were added, also by another studio."""
        try:
            names = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):  # nothing is lost but names without photos
            return []
        return [each for each in names if isinstance(each, str)] if isinstance(names, list) else []

    def add(self, name: str) -> None:
        """Adds a name.

        Raises:
            OSError: The file cannot be written.
        """
        self._write([*self.names, name])

    def remove(self, name: str) -> None:
        """Removes a name.

        Raises:
            OSError: The file cannot be written.
        """
        self._write([each for each in self.names if each != name])

    def _write(self, names: list[str]) -> None:
        write_atomically(self.file, json.dumps(names).encode())
