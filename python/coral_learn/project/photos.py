"""The photos of a project, and how a user names them."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..extraction.photo_file import read_photo
from .state import PhotoRow, ProjectState

_ID_DIGITS = 12
_LEAST_DIGITS = 4


@dataclass(frozen=True)
class ProjectPhoto:
    """A photo of a project.

    Attributes:
        id: Its name in the project: the start of the SHA-256 of its file, in hexadecimal digits.
        label: The name of its class.
        picture: The file that the project keeps of it, or None.
    """

    id: str
    label: str
    picture: Path | None

    def to_json(self) -> dict[str, Any]:
        """Returns the photo as plain types."""
        picture = None if self.picture is None else str(self.picture)
        return {"id": self.id, "label": self.label, "picture": picture}


def photo_id(row: PhotoRow, digest: bytes) -> str:
    """Returns the name of a photo in a project.

    Args:
        row: Where its embedding is.
        digest: The SHA-256 of its file, or b"" for a photo that was no file.
    """
    if digest:
        return digest.hex()[:_ID_DIGITS]
    return f"{Path(row.file).stem.removeprefix('embeddings-')[:_ID_DIGITS]}-{row.number}"


def find_rows(
    given: Iterable[str], state: ProjectState, digests: Sequence[bytes]
) -> list[PhotoRow]:
    """Returns the rows of photos, each once.

    Args:
        given: The id of each photo, or its first digits, or the path of its file.
        state: The state of the project.
        digests: The digest of each row of the state.

    Raises:
        ValueError: The project has no such photo, or several.
        PhotoError: A file cannot be read.
    """
    rows = state.rows
    names = [photo_id(row, digest) for row, digest in zip(rows, digests, strict=True)]
    exact = dict(zip(names, rows, strict=True))
    of_file = {digest: row for row, digest in zip(rows, digests, strict=True) if digest}
    found: dict[PhotoRow, None] = {}
    for name in given:
        row = exact.get(name.lower()) or _row_of_file(name, of_file) or _by_start(name, exact)
        found[row] = None
    return list(found)


def _row_of_file(name: str, of_file: dict[bytes, PhotoRow]) -> PhotoRow | None:
    path = Path(name)
    if not path.is_file():
        return None
    row = of_file.get(_digest_in_name(path))  # of a picture that the project keeps
    if row is None:
        row = of_file.get(hashlib.sha256(read_photo(path).content).digest())
    if row is None:
        raise ValueError(f"the project does not have the photo {name}")
    return row


def _digest_in_name(path: Path) -> bytes:
    try:
        return bytes.fromhex(path.stem)
    except ValueError:
        return b""


def _by_start(name: str, exact: dict[str, PhotoRow]) -> PhotoRow:
    start = name.lower()[:_ID_DIGITS] if "-" not in name else name.lower()
    same = [known for known in exact if known.startswith(start)]
    if len(start) < _LEAST_DIGITS or not same:
        raise ValueError(
            f"the project has no photo {name!r}. Give the file of a photo, or its id as "
            "`coral-learn project photos` lists it."
        )
    if len(same) > 1:
        raise ValueError(f"{len(same)} photos have an id that starts with {name}. Give more of it.")
    return exact[same[0]]
