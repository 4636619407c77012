"""The summary of a project, which ``coral-learn project show`` prints."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..jobs.interval import Interval
from ..words import counted, percent
from .index import Keep, ProjectIndex


@dataclass(frozen=True)
class ClassCount:
    """A class of a project.

    Attributes:
        name: The name of the class.
        photos: The number of its photos.
    """

    name: str
    photos: int


@dataclass(frozen=True)
class ProjectSummary:
    """What ``coral-learn project show`` reports.

    Attributes:
        path: The folder of the project.
        classes: The classes, in the order of the model's outputs.
        accuracy: The accuracy on held-out photos, or None if no photos were held out.
        threshold: The probability below which an answer should count as "I don't know".
        history: A description of each change, oldest first.
        tested: The number of held-out photos.
        interval: The 95% confidence interval of the accuracy, or None.
        keep: What the project keeps of the photos themselves.
    """

    path: Path
    classes: list[ClassCount]
    accuracy: float | None
    threshold: float
    history: list[str]
    tested: int
    interval: Interval | None
    keep: Keep

    @classmethod
    def of_index(cls, path: Path, index: ProjectIndex) -> "ProjectSummary":
        """Summarizes a project."""
        current = index.current
        return cls(
            path=path,
            classes=[ClassCount(name, current.count(name)) for name in current.classes],
            accuracy=current.accuracy,
            threshold=current.threshold,
            history=[state.what for state in index.states],
            tested=current.tested,
            interval=current.interval,
            keep=index.keep,
        )

    def __str__(self) -> str:
        photos = counted(sum(each.photos for each in self.classes), "photo")
        classes = counted(len(self.classes), "class", "classes")
        tested = "not tested" if self.accuracy is None else f"accuracy {percent(self.accuracy)}"
        return f"{photos} of {classes}, {tested}"

    def to_json(self) -> dict[str, Any]:
        """Returns the summary as plain types, as ``coral-learn project show --json`` prints it."""
        return {
            "path": str(self.path),
            "classes": [{"name": each.name, "photos": each.photos} for each in self.classes],
            "accuracy": self.accuracy,
            "threshold": self.threshold,
            "history": self.history,
            "tested": self.tested,
            "interval": self.interval,
            "keep": self.keep,
        }
