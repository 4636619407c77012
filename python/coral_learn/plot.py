"""Plots of results with matplotlib: ``pip install 'coral-learn[plot]'``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .jobs.evaluation import Evaluation
from .jobs.learning_curve import LearningCurve
from .jobs.retraining import RetrainResult

if TYPE_CHECKING:  # nothing imports matplotlib until a plot is drawn
    from matplotlib.axes import Axes

__all__ = ["plot_confusion", "plot_learning_curve"]

_MAX_COUNTS = 20  # classes; above this, the counts in the cells cannot be read
_MAX_NAMES = 60
_STEPS = 100


def plot_confusion(result: Evaluation | RetrainResult, *, ax: Axes | None = None) -> Axes:
    """Draws a confusion matrix: the predicted classes of the photos of each class.

    The color of a cell is its share of the photos of its row. Up to 20 classes, each cell has its
    number of photos.

    Args:
        result: What :func:`coral_learn.evaluate` or :func:`coral_learn.retrain` returned. Of a
            retraining, these are the test photos, as its ``report.json`` counts them.
        ax: The axes to draw on; None for a new figure.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: ``result`` is something else.
        ValueError: The report of the retraining has no test photos, or is not one.
        OSError: The report of the retraining cannot be read.

    Examples:
        >>> from coral_learn import evaluate, plot
        >>> result = evaluate("retrained/retrained_model.tflite", "test_photos")
        >>> axes = plot.plot_confusion(result)
        >>> axes.get_figure().savefig("confusion.png")
    """
    counts, names = _confusion_of(result)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    size = 3 + 0.4 * min(len(names), _MAX_NAMES)
    ax = ax or _new_axes(size + 1.2, size)
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.figure.colorbar(image, ax=ax, label="fraction of the photos of the class", shrink=0.7)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    if len(names) <= _MAX_NAMES:
        ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(names)), names)
    if len(names) <= _MAX_COUNTS:
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.5 else "black"
            ax.text(column, row, str(count), ha="center", va="center", color=color)
    return ax


def plot_learning_curve(
    result: LearningCurve | RetrainResult, *, more: int = 20, ax: Axes | None = None
) -> Axes:
    """Draws how the accuracy grows with the number of photos of each class.

    The points were measured, and the dashed line is what :meth:`LearningCurve.expected_accuracy`
    expects.

    Args:
        result: What :func:`coral_learn.learning_curve` or :func:`coral_learn.retrain` returned.
        more: How many photos of each class to look ahead, at least 0.
        ax: The axes to draw on; None for a new figure.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: ``result`` is something else.
        ValueError: The retraining measured no learning curve, or ``more`` is negative.

    Examples:
        >>> from coral_learn import plot
        >>> from coral_learn.jobs.learning_curve import LearningCurve
        >>> curve = LearningCurve(40, [8, 16, 32], [0.7, 0.78, 0.82], error=0.17, exponent=0.35)
        >>> axes = plot.plot_learning_curve(curve, more=40)
        >>> axes.get_xlabel()
        'photos of each class'
    """
    curve = _curve_of(result)
    if more < 0:
        raise ValueError(f"more must be at least 0, not {more}")
    ax = ax or _new_axes(6, 4)
    ahead = np.linspace(curve.sizes[-1], curve.photos + more, _STEPS)
    expected = [100 * curve.expected_accuracy(photos) for photos in ahead]
    measured = [100 * accuracy for accuracy in curve.accuracies]
    ax.plot(curve.sizes, measured, "o-", color="C0", label="measured on held-out photos")
    ax.plot(ahead, expected, "--", color="C0", label="expected")
    now = 100 * curve.expected_accuracy(curve.photos)
    ax.plot([curve.photos], [now], "D", color="C1", label=f"all {curve.photos:.4g} photos")
    ax.set_xlabel("photos of each class")
    ax.set_ylabel("accuracy (%)")
    ax.set_xlim(left=0)
    ax.set_ylim(top=100)
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right")
    return ax


def _new_axes(width: float, height: float) -> Axes:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib: pip install 'coral-learn[plot]'", name="matplotlib"
        ) from error
    return pyplot.subplots(figsize=(width, height), layout="constrained")[1]


def _confusion_of(result: Evaluation | RetrainResult) -> tuple[NDArray[np.int64], list[str]]:
    """Returns the number of photos by true and predicted class, [C, C], and the classes."""
    if isinstance(result, Evaluation):
        return np.array(result.confusion, np.int64), result.classes
    if not isinstance(result, RetrainResult):
        raise TypeError(f"an Evaluation or a RetrainResult is needed, not {result!r}")
    path = result.report.with_suffix(".json")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        counts = np.array(report["confusion"], np.int64)
    except (ValueError, KeyError, TypeError, OverflowError):
        raise ValueError(
            f"{path} is not the report of a retraining. Evaluate the model on photos instead, with "
            "coral_learn.evaluate()."
        ) from None
    size = len(result.classes)
    if counts.shape != (size, size) or not counts.any():
        raise ValueError(
            f"{path} has no test photos of these {size} classes. Evaluate the model on photos "
            "instead, with coral_learn.evaluate()."
        )
    return counts, result.classes


def _curve_of(result: LearningCurve | RetrainResult) -> LearningCurve:
    if isinstance(result, LearningCurve):
        return result
    if not isinstance(result, RetrainResult):
        raise TypeError(f"a LearningCurve or a RetrainResult is needed, not {result!r}")
    if result.learning_curve is None:
        raise ValueError(
            "this retraining measured no learning curve: its head takes long to train again, or is "
            "hardly better than chance. Add photos, or train with method='fit'."
        )
    return result.learning_curve
