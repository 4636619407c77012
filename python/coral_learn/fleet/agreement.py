"""What the boards of a fleet must agree on before the fit: the extractor and the classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import check_label
from .fields import number, texts
from .fingerprint import MAX_DISTANCE, PICTURES, distance

_MAX_NAME = 80  # letters of what a board calls itself


@dataclass(frozen=True, eq=False)
class Board:
    """A board of a fleet, as it has introduced itself.

    Attributes:
        number: The number of the board.
        name: What it calls itself.
        classes: The names of its classes.
        photos: The number of its photos.
        fingerprint: See :func:`fingerprint`, float32 [PICTURES, D].
        noise: The noise in what it tells; 0 for exact sums.
    """

    number: int
    name: str
    classes: list[str]
    photos: int
    fingerprint: NDArray[np.float32]
    noise: float = 0.0

    @property
    def features(self) -> int:
        """D, the number of features of each embedding."""
        return int(self.fingerprint.shape[1])


def read_board(board: int, answer: Mapping[str, Any]) -> Board:
    """Reads how a board introduces itself.

    Raises:
        ValueError: Something is missing, or a class cannot have its name.
    """
    name = answer.get("name")
    classes = texts(answer, "classes")
    for each in classes:
        check_label(each)
    if not classes or len(set(classes)) < len(classes):
        raise ValueError("it has no classes, or one of them twice")
    found = answer.get("fingerprint")
    if not isinstance(found, np.ndarray) or found.ndim != 2 or len(found) != PICTURES:
        raise ValueError("it has no fingerprint of its extractor")
    shown = name[:_MAX_NAME] if isinstance(name, str) and name else f"board {board}"
    photos = int(number(answer, "photos"))
    noise = number(answer, "noise")
    return Board(board, shown, classes, photos, found.astype(np.float32), noise)


def with_one_extractor(boards: list[Board]) -> tuple[list[Board], list[Board]]:
    """Returns the boards whose extractors agree, as many as possible, and the others."""
    if not boards:
        return [], []
    groups = [
        [other for other in boards if distance(one.fingerprint, other.fingerprint) <= MAX_DISTANCE]
        for one in boards
    ]
    largest = max(groups, key=lambda group: (len(group), sum(each.photos for each in group)))
    return largest, [each for each in boards if each not in largest]


def all_classes(boards: list[Board]) -> list[str]:
    """Returns the classes of all boards, each once, in the order of their names."""
    return sorted({name for board in boards for name in board.classes})
