"""The output of ``coral-learn review`` on a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..words import percent, printable
from .display import bold, print_hint, print_line
from .tables import print_rows

if TYPE_CHECKING:
    from ..jobs.review.findings import Extreme, Review


def print_review(review: Review, limit: int, written: Sequence[Path]) -> None:
    """Prints what a review found, and what to do next.

    Args:
        review: The review.
        limit: The most rows of each kind.
        written: The page and the table, or nothing.
    """
    from ..jobs.review.page import verdict

    print_line(bold(verdict(review)))
    for title, columns, rows in _sections(review):
        if rows:
            shown = f"{len(rows)}" if len(rows) <= limit else f"{limit} of {len(rows)}"
            print_line(f"\n{title} ({shown})")
            print_rows(columns, rows[:limit])
    for path in written:
        print_line(f"{'' if path != written[0] else chr(10)}Wrote {printable(str(path))}")
    if not written:
        source = shlex.quote(review.source)
        print_hint(f"coral-learn review {source} --output REVIEW")
    elif len(written) > 1:
        table = shlex.quote(str(written[1]))
        print_line(
            "Choose on the page what to do with photos, and save the table; or write move or drop "
            "into its column action."
        )
        print_hint(f"coral-learn review --apply {table} --dry-run")


def _sections(review: Review) -> list[tuple[str, list[str], list[list[str]]]]:
    return [
        (
            "Doubtful labels",
            ["Photo", "Label", "Probability", "Looks like"],
            [
                [each.photo.name, each.photo.label, percent(each.probability), each.suggested]
                for each in review.doubtful
            ],
        ),
        (
            "One photo, several labels",
            ["Photos", "Labels"],
            [
                [
                    ", ".join(one.name for one in each.photos),
                    ", ".join(one.label for one in each.photos),
                ]
                for each in review.duplicates
                if each.is_contradiction
            ],
        ),
        (
            "Classes that cannot be told apart: merge them, or add photos",
            ["Classes", "Told apart (a guess: 50%)"],
            [
                [" and ".join(each.classes), percent(each.told_apart)]
                for each in review.confused_classes
            ],
        ),
        (
            "Label these next",
            ["Photo", "Perhaps", "Probability"],
            [
                [each.photo.name, each.suggested, percent(each.probability)]
                for each in review.label_next
            ],
        ),
        (
            "Exact copies",
            ["Photos", "Label"],
            [
                [", ".join(one.name for one in each.photos), each.photos[0].label]
                for each in review.duplicates
                if not each.is_contradiction
            ],
        ),
        (
            "Near-duplicates",
            ["Photo", "Looks like", "Similarity"],
            [
                [*(one.name for one in each.photos), f"{each.similarity:.2f}"]
                for each in review.near_duplicates
            ],
        ),
        *(
            (title, ["Photo", "Label", name], _extremes(found))
            for title, name, found in (
                ("Unlike the rest of the class", "Deviations", review.outliers),
                ("Darkest photos", "Brightness", review.darkest),
                ("Least sharp photos", "Sharpness", review.blurriest),
            )
        ),
    ]


def _extremes(found: Sequence[Extreme]) -> list[list[str]]:
    return [[each.photo.name, each.photo.label, f"{each.value:.2f}"] for each in found]
