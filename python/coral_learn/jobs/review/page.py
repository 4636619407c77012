"""The page of a review: one HTML file with thumbnails that needs no network."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ...words import counted, percent
from ..page import render
from ..thumbnail import thumbnail
from .findings import FEW_PHOTOS, Review
from .photos import Photo
from .table import COLUMNS, absolute, table_path

PAGE_MARK = b'<meta name="generator" content="coral-learn review">'
"""What tells a page that this package wrote from any other file."""

_MOST = 24  # photos of each kind


class PageTable(NamedTuple):
    """The table beside a page, which the page can also make with other actions.

    Attributes:
        name: The name of its file.
        rows: Its rows.
        folder: The folder that has the class folders.
    """

    name: str
    rows: Sequence[Sequence[str]]
    folder: Path


def render_page(review: Review, table: PageTable | None = None) -> bytes:
    """Returns the content of the page.

    Args:
        review: What to show.
        table: The table beside the page; None without one.
    """
    return render(
        "review.html.j2",
        filters_of_findings(),
        title=f"{absolute(Path(review.source)).name}: review of the photos",
        verdict=verdict(review),
        steps=_steps(review),
        table=table,
        columns=COLUMNS,
        **findings(review, _MOST, "coral-learn review --json", table),
    )


def findings(
    review: Review, most: int, all_command: str | None, table: PageTable | None = None
) -> dict[str, object]:
    """Returns what the template of the findings shows, by name.

    Args:
        review: What was found.
        most: The most photos of each kind.
        all_command: The command that names all of them; None if the page says it elsewhere.
        table: The table beside the page; None without one.
    """
    return {
        "review": review,
        "contradictions": [each for each in review.duplicates if each.is_contradiction],
        "copies": [each for each in review.duplicates if not each.is_contradiction],
        "groups": _groups(review),
        "path_in_table": lambda photo: _path_in_table(photo, table),
        "most": most,
        "all_command": all_command,
    }


def filters_of_findings() -> dict[str, Callable[..., object]]:
    """Returns the filters of the template of the findings, by name."""
    return {
        "percent": percent,
        "thumbnail": functools.cache(_thumbnail),  # many photos stand in several places
        "file": _file,
    }


def verdict(review: Review) -> str:
    """Returns what the review found, in one or two sentences."""
    if max(review.classes.values()) < FEW_PHOTOS:
        return f"There are too few photos of each class to judge their labels: {review.photos}."
    number = len(review.doubtful)
    classes = sum(map(bool, review.classes.values()))
    of = f"{counted(review.photos, 'photo')} of {counted(classes, 'class', 'classes')}"
    if not number:
        return f"All labels of the {of} look right."
    part = percent(number / review.photos)
    return (
        f"{number} of the {of} {'looks' if number == 1 else 'look'} more like another class "
        f"({part}). Some of these labels are wrong; the others are just hard photos."
    )


def _steps(review: Review) -> list[tuple[str, str]]:
    """Returns what to do, the most useful first: the section and a sentence each."""
    contradictions = sum(each.is_contradiction for each in review.duplicates)
    merged = [f"{each.classes[0]} and {each.classes[1]}" for each in review.confused_classes]
    doubtful, near = len(review.doubtful), len(review.near_duplicates)
    found = [
        (
            "duplicates",
            contradictions,
            f"Choose one label for {counted(contradictions, 'photo')} with several",
        ),
        ("doubtful", doubtful, f"Check {counted(doubtful, 'doubtful label')}"),
        ("confused", len(merged), f"Merge {', '.join(merged[:3])}, or add photos of them"),
        ("next", len(review.label_next), f"Label {counted(len(review.label_next), 'more photo')}"),
        (
            "outliers",
            len(review.outliers),
            f"Look at {counted(len(review.outliers), 'photo')} unlike the others of the class",
        ),
        ("near", near, f"Look at {counted(near, 'pair')} of near-duplicates"),
    ]
    return [(anchor, text) for anchor, number, text in found if number]


def _groups(review: Review) -> list[tuple[str, str, str, object]]:
    return [
        (
            "outliers",
            "Unlike the rest of the class",
            "Photos that resemble no other photo of their class. They may show something else, or "
            "be the only ones of their kind: then add more like them.",
            review.outliers,
        ),
        (
            "dark",
            "The darkest photos",
            "Drop those that show too little; keep them if the camera will see such light.",
            review.darkest,
        ),
        (
            "blurred",
            "The least sharp photos",
            "Drop those that show too little.",
            review.blurriest,
        ),
    ]


def _path_in_table(photo: Photo, table: PageTable | None) -> str | None:
    """Returns the path of a photo that can be moved; a page cannot hold one that is not text."""
    path = None if table is None else table_path(photo, table.folder)
    return path if path is not None and path.isprintable() else None


def _thumbnail(path: Path | None) -> str:
    return "" if path is None else thumbnail(path)


def _file(photo: Photo) -> str:
    return Path(photo.name).name
