"""The table of an evaluation, for notebooks."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..notebook import table
from ..words import describe_accuracy, percent

if TYPE_CHECKING:  # it shows itself by this table
    from .evaluation import Evaluation

_MAX_MATRIX = 20  # classes; above this, a table of all pairs of classes shows nothing


def evaluation_table(result: "Evaluation") -> str:
    """Returns the confusion matrix as HTML or, of many classes, how many photos are right.

    Args:
        result: The evaluation.
    """
    text = describe_accuracy(result.accuracy, result.images, result.interval)
    names = result.classes
    if len(names) <= _MAX_MATRIX:
        rows = ((name, *counts) for name, counts in zip(names, result.confusion, strict=True))
        return table("Evaluation", rows, columns=("photos of \\ seen as", *names), text=text)
    columns = ("class", "photos", "right", "recall")
    return table("Evaluation", _recalls(names, result.confusion), columns=columns, text=text)


def _recalls(
    names: Sequence[str], confusion: Sequence[Sequence[int]]
) -> Iterator[tuple[str, int, int, str]]:
    """Yields the counts of each class that has photos."""
    for index, (name, counts) in enumerate(zip(names, confusion, strict=True)):
        photos, right = sum(counts), counts[index]
        if photos:
            yield name, photos, right, percent(right / photos)
