"""What the page shows of a project."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..project.index import ProjectIndex


def describe_project(path: Path, index: ProjectIndex, empty: Sequence[str]) -> dict[str, Any]:
    """Returns what the page shows of a project, as plain types.

    Args:
        path: The folder of the project.
        index: What the project knows.
        empty: The names of classes without photos.
    """
    current = index.current
    counts = {name: current.count(name) for name in current.classes}
    accuracy = None
    if current.accuracy is not None and current.interval is not None:
        accuracy = {
            "value": current.accuracy,
            "interval": list(current.interval),
            "tested": current.tested,
        }
    return {
        "project": path.resolve().name,
        "classes": [
            {"name": name, "photos": counts.get(name, 0)}
            for name in [*counts, *(each for each in empty if each not in counts)]
        ],
        "accuracy": accuracy,
        "measured": current.measured,
        "threshold": current.threshold,
        "has_model": current.head is not None,
        "undo": current.what if len(index.states) > 1 else None,
        "redo": index.undone[-1].what if index.undone else None,
        "keep": index.keep,
    }
