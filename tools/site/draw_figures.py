"""Draws the figures of docs/explanation/ from docs/figures/numbers.json.

    python tools/site/draw_figures.py        # needs matplotlib

``python -m benchmarks.explanations`` measures the numbers. The figures have a light background of
their own, because an image does not know whether the page around it is light or dark.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

_FOLDER = Path(__file__).parents[2] / "docs" / "figures"
_INCHES = 4.8, 3.3  # as wide as a telephone, so that its text is not shrunk there
_TEAL, _ORANGE, _PURPLE, _GRAY = "#00796b", "#c2560c", "#6a3d9a", "#616161"
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _GRAY,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "figure.facecolor": "#fcfcfa",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "grid.color": "#e0e0e0",
    "lines.linewidth": 2.2,
    "savefig.facecolor": "#fcfcfa",
    "svg.fonttype": "none",  # text, which is a tenth of the size of outlines
    "svg.hashsalt": "coral-learn",
}


def main() -> None:
    """Draws all figures."""
    numbers = json.loads((_FOLDER / "numbers.json").read_text(encoding="utf-8"))
    with mpl.rc_context(_STYLE):
        _save(_draw_last_layer(numbers["last_layer"]), "last-layer")
        _save(_draw_imprinting(numbers["imprinting"]), "imprinting")
        _save(_draw_quantization(numbers["quantization"]), "quantization")
        _save(_draw_calibration(numbers["calibration"]), "calibration")
        _save(_draw_sums(numbers["sums"]), "sums")


def _save(figure: Figure, name: str) -> None:
    path = _FOLDER / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=_INCHES, layout="constrained")
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def _photo_axes(title: str, y: str, counts: Sequence[int], x: str) -> tuple[Figure, Axes]:
    """Returns axes with the number of photos from left to right, each as far as twice the last."""
    figure, axes = _axes(title, x, y)
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    return figure, axes


def _accuracy_axes(title: str, points: Sequence[dict[str, Any]]) -> tuple[Figure, Axes]:
    counts = [point["photos per class"] for point in points]
    figure, axes = _photo_axes(title, "right answers", counts, "photos of each class")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure, axes


def _draw_curve(axes: Axes, points: Sequence[dict[str, Any]], color: str, name: str) -> None:
    """Draws the mean of the draws, and a band of one standard deviation around it."""
    x = [point["photos per class"] for point in points]
    mean = [point["mean"] for point in points]
    low = [point["mean"] - point["deviation"] for point in points]
    high = [point["mean"] + point["deviation"] for point in points]
    axes.fill_between(x, low, high, color=color, alpha=0.12, linewidth=0)
    axes.plot(x, mean, "o-", color=color, label=name, markersize=5)


def _draw_last_layer(curves: dict[str, Any]) -> Figure:
    figure, axes = _accuracy_axes("What the extractor brings", curves["embeddings"])
    _draw_curve(axes, curves["embeddings"], _TEAL, "head on embeddings")
    _draw_curve(axes, curves["pixels"], _ORANGE, "the same head on pixels")
    axes.axhline(0.2, color=_GRAY, linestyle=":", linewidth=1.5, label="guessing")
    axes.set_ylim(0, 1)
    axes.legend(loc="center right", bbox_to_anchor=(1, 0.55), frameon=False)
    return figure


def _draw_imprinting(curves: dict[str, Any]) -> Figure:
    figure, axes = _accuracy_axes("Imprinting and fit", curves["fit"])
    _draw_curve(axes, curves["fit"], _TEAL, "fit")
    _draw_curve(axes, curves["imprinting"], _ORANGE, "imprinting")
    axes.set_ylim(0.4, 1)
    axes.legend(loc="lower right", frameon=False)
    return figure


def _draw_quantization(answers: dict[str, Any]) -> Figure:
    figure, axes = _axes("One answer, twice", "probability by the float head", "by the saved file")
    axes.plot([0.2, 1], [0.2, 1], color=_GRAY, linewidth=1)
    axes.plot(answers["float"], answers["file"], "o", color=_TEAL, markersize=4, alpha=0.45)
    axes.set(xlim=(0.2, 1.02), ylim=(0.2, 1.02))
    return figure


def _draw_calibration(heads: dict[str, Any]) -> Figure:
    figure, axes = _axes("What a probability is worth", "probability of the answer", "right")
    axes.plot([0.2, 1], [0.2, 1], color=_GRAY, linewidth=1)
    for name, color in (("fit", _TEAL), ("pycoral's recipe", _ORANGE)):
        points = [point for point in heads[name]["points"] if point["answers"] >= 20]
        x = [point["probability"] for point in points]
        axes.plot(x, [point["right"] for point in points], "o-", color=color, label=name)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc="upper left", frameon=False)
    return figure


def _draw_sums(sums: Sequence[dict[str, Any]]) -> Figure:
    counts = [point["photos"] for point in sums]
    figure, axes = _photo_axes(
        "What a sum shows of a photo", "likeness to the sum", counts, "photos in the sum"
    )
    for key, color, name in (
        ("one of them", _ORANGE, "a photo in the sum"),
        ("another photo of the class", _PURPLE, "another photo of the class"),
    ):
        axes.plot(counts, [point[key] for point in sums], "o-", color=color, label=name)
    axes.set_ylim(0, 1.05)
    axes.legend(loc="upper right", frameon=False)
    return figure


if __name__ == "__main__":
    main()
