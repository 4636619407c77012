"""The table of a retraining, for notebooks."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..notebook import table
from ..words import describe_accuracy, listed, percent
from .learning_curve import describe_gain

if TYPE_CHECKING:  # it shows itself by this table
    from .retraining import RetrainResult


def retraining_table(result: "RetrainResult") -> str:
    """Returns the files of a retraining, and how accurate the model is, as HTML."""
    return table("RetrainResult", _rows(result), text=" ".join(result.notes))


def _rows(result: "RetrainResult") -> Iterator[tuple[str, object]]:
    yield "model", result.model
    yield "labels", result.labels
    yield "report", result.report
    yield "classes", listed(result.classes, 10)
    yield "photos", result.images
    if result.skipped:
        yield "skipped", len(result.skipped)
    accuracy = result.accuracy
    if accuracy.test_saved is not None and accuracy.interval is not None:
        tested = accuracy.photos["test"]
        text = describe_accuracy(accuracy.test_saved, tested, accuracy.interval, "test photo")
        yield "accuracy of the saved model", text
    if accuracy.cross_validated is not None:
        yield "accuracy by cross-validation", percent(accuracy.cross_validated.accuracy)
    if result.learning_curve is not None:
        yield "more photos", describe_gain(result.learning_curve)
    yield "runtime", f"{result.runtime} on {result.device}"
    yield "time", f"{sum(result.seconds.values()):.1f} s"
