"""The class "none of these": photos of anything else, or drawn pictures as a weak start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..dataset.class_names import check_distinct
from ..dataset.entries import Ignored, files_below
from ..dataset.folder import ImageFolder
from ..words import counted

NONE = "none"
"""The name of the class."""

NoneOfThese = str | os.PathLike[str] | bool
"""The folder of photos of anything else, True to draw pictures instead, or False for neither."""

_MIN_DRAWN, _MAX_DRAWN = 20, 200


class Background(NamedTuple):
    """Photos with a class "none" among them.

    Attributes:
        folder: The photos of all classes.
        drawn_class: The index of the class "none" if its pictures are drawn, or None.
        notes: What the user should know, a sentence each.
    """

    folder: ImageFolder
    drawn_class: int | None
    notes: list[str]


def add_background(folder: ImageFolder, given: NoneOfThese | None) -> Background:
    """Adds the class "none".

    Args:
        folder: The photos of the other classes.
        given: The folder of the photos of anything else, at any depth; True to draw as many
            pictures as a class has photos; None or False to add nothing.

    Raises:
        ValueError: There is such a class already, or the folder has no photos.
        OSError: The pictures cannot be written to the folder for temporary files.
    """
    if given is None or given is False:
        return Background(folder, None, [])
    check_distinct([*folder.classes, NONE], f"{folder.path} with none_of_these")
    if NONE in folder.classes:
        raise ValueError(
            f"{folder.path} already has a class {NONE!r}, which is trained like any other: leave "
            "out none_of_these (--none-of-these)"
        )
    if given is not True:
        return Background(folder.with_class(NONE, _photos_in(Path(given))), None, [])
    from .drawn_background import draw_background  # rarely needed

    typical = int(np.median(np.bincount(folder.labels)))
    count = min(max(typical, _MIN_DRAWN), _MAX_DRAWN)
    drawn = draw_background(folder.paths, count)
    made = folder.with_class(NONE, sorted(drawn.path.iterdir()), drawn)
    note = (
        f"the class {NONE!r} has {counted(count, 'drawn picture')}, which is a weak start: of "
        "photos of a flower that it had not seen, a model of other flowers refused 1% with them, "
        "and 25% with photos of a further flower as this class. Collect photos of what the camera "
        "sees otherwise, and give their folder"
    )
    return Background(made, made.classes.index(NONE), [note])


def _photos_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give the folder of photos of anything else")
    photos = files_below(folder, Ignored()).photos
    if not photos:
        raise ValueError(f"{folder} has no photos: put photos of anything else into it")
    return photos
