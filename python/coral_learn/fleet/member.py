"""What a board does in a fleet: it answers questions about its photos with sums over them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..failures import explain
from ..heads.memory_shard import MemoryShard
from ..heads.softmax_regression import SoftmaxRegression
from ..jobs.outputs import foreign_results
from ..jobs.saved_model import save_model
from ..project.given_head import head_of_classes
from ..project.project import Project
from ..project.training_rows import TrainingRows
from ..tflite.file import ModelFile
from ..tflite.resize_note import read_view, with_resize
from ..words import counted, listed
from .fields import Fields, array, number, texts
from .fingerprint import fingerprint
from .noisy_sums import noisy_gradient
from .shard_fields import answer_fields

PROTOCOL = 1
"""The version of the questions and answers; boards of another one take no part."""

MODEL_FOLDER = "fleet"
"""The folder in a project where the model of the fleet goes by default."""


@dataclass(frozen=True)
class MemberOptions:
    """What a board contributes, and where the result goes.

    Attributes:
        project: The folder of the project.
        output: The folder for the model; None for ``fleet`` in the project.
        name: What the board is called in what the coordinator prints.
        at_least: The board takes no part with fewer photos.
        device: The device that runs the extractor, or None.
        force: Whether to overwrite files in the folder that no fleet has written.
        noise: The standard deviation of the noise in all that this board tells, in units of the
            length to which the gradient of a photo is clipped; None for exact sums.
    """

    project: Path
    output: Path | None = None
    name: str = "a board"
    at_least: int = 1
    device: str | None = None
    force: bool = False
    noise: float | None = None

    @property
    def folder(self) -> Path:
        """The folder for the model."""
        return self.output or self.project / MODEL_FOLDER


class Member:
    """Answers the questions of a coordinator for one board.

    Attributes:
        model: The model that the fleet has made, once it is written.
        failure: Why the board takes no part, or None.
        is_over: Whether the coordinator asks nothing more in this run.
    """

    def __init__(
        self, options: MemberOptions, say: Callable[[str], object] = lambda line: None
    ) -> None:
        """Reads nothing yet.

        Args:
            options: What the board contributes.
            say: Called with what the person at the board should know, a line each.
        """
        self.model: Path | None = None
        self.failure: str | None = None
        self.is_over = False
        self._options = options
        self._say = say
        self._rows: TrainingRows | None = None
        self._shards: dict[tuple[str, ...], MemoryShard] = {}
        self._told_fit = False

    def answer(self, question: Mapping[str, Any]) -> Fields:
        """Answers one question.

        Raises:
            ValueError: The question cannot be answered, or the board refuses to.
            ModelError: The extractor cannot be used.
            EdgeTpuError: The device failed.
            OSError: A file cannot be read or written.
        """
        try:
            return self._answer(question)
        except Exception as error:
            self.failure = explain(error)
            raise

    def _answer(self, question: Mapping[str, Any]) -> Fields:
        match question.get("ask"):
            case "hello":
                return self._hello(question)
            case "wait":
                self._say("The fleet is fitting already. This board waits for its next run.")
                return {}
            case "left out":
                self.failure = f"this board was left out: {question.get('reason')}"
                return {}
            case "bye":
                self.is_over = True
                return {}
            case "result":
                return self._take(question)
            case "noisy":
                return self._noisy(question)
            case str() if self._options.noise is not None:
                raise ValueError("it tells nothing but sums with noise")
            case str(kind):
                return answer_fields(kind, self._shard(question), question)
        raise ValueError("the question is none of coral-learn's")

    def check(self) -> TrainingRows:
        """Reads the project, and checks that it can take part.

        Raises:
            ValueError: It has too few photos, or the folder for the model has other files.
        """
        options = self._options
        self._rows = Project(options.project).training_rows()
        self._shards = {}
        if self._rows.photos < options.at_least:
            raise ValueError(
                f"{options.project} has {counted(self._rows.photos, 'photo')}, and --at-least "
                f"{options.at_least} lets it tell sums of no fewer than that. Add photos."
            )
        foreign = [] if options.force else foreign_results(options.folder)
        if foreign:
            raise ValueError(
                f"{listed(list(map(str, foreign)))} would be overwritten by the model of the "
                "fleet. Choose another --output, or overwrite with --force."
            )
        return self._rows

    def _hello(self, question: Mapping[str, Any]) -> Fields:
        if number(question, "protocol") != PROTOCOL:
            raise ValueError("it has another version of coral-learn than the coordinator")
        self.model, self.failure, self.is_over = None, None, False
        self._told_fit = False
        rows = self.check()
        model = ModelFile.open(Project(self._options.project).extractor)
        return {
            "name": self._options.name,
            "classes": rows.classes,
            "photos": rows.photos,
            "fingerprint": fingerprint(model, self._options.device),
            "noise": self._options.noise or 0.0,
        }

    def _shard(self, question: Mapping[str, Any]) -> MemoryShard:
        """Returns the rows of this board with the labels of the whole fleet."""
        classes = texts(question, "classes")
        rows = self._rows or self.check()
        if tuple(classes) not in self._shards:
            labels = self._labels(rows, classes)
            shard = MemoryShard(rows.embeddings, labels, groups=rows.keys)
            self._shards = {tuple(classes): shard}
        return self._shards[tuple(classes)]

    def _labels(self, rows: TrainingRows, classes: list[str]) -> NDArray[np.int64]:
        """Returns the classes of the rows as numbers of the whole fleet."""
        if missing := set(rows.classes) - set(classes):
            raise ValueError(f"the fleet has no class {listed(sorted(missing))}")
        if not self._told_fit:
            self._say(f"The fleet fits a head for {listed(classes)}.")
            self._told_fit = True
        return np.array([classes.index(name) for name in rows.classes])[rows.labels]

    def _noisy(self, question: Mapping[str, Any]) -> Fields:
        """Tells a gradient whose noise hides single photos, if this board wants noise."""
        classes = texts(question, "classes")
        rows = self._rows or self.check()
        features = rows.embeddings.shape[1]
        views = len(rows.labels) // rows.photos
        clip = number(question, "clip")
        if clip <= 0:
            raise ValueError("clip must be above 0")
        sums = noisy_gradient(
            rows.embeddings,
            self._labels(rows, classes),
            array(question, "weights", (len(classes), features)),
            array(question, "biases", (len(classes),)),
            center=array(question, "center", (features,)).astype(np.float64),
            clip=clip / views,  # a photo has a row for each view
            noise=(self._options.noise or 0.0) * views,
            generator=np.random.default_rng(),
        )
        return vars(sums) | {"weight_gradient": sums.weight_gradient.astype(np.float32)}

    def _take(self, question: Mapping[str, Any]) -> Fields:
        """Appends the head of the fleet to the extractor of this board."""
        classes = texts(question, "classes")
        rows = self._rows or self.check()
        features = rows.embeddings.shape[1]
        weights = array(question, "weights", (len(classes), features))
        biases = array(question, "biases", (len(classes),))
        head = head_of_classes(weights.T, biases, classes, rows.embeddings)
        project = Project(self._options.project)
        extractor = ModelFile.open(project.extractor)
        model = head.to_model(with_resize(extractor, read_view(extractor)))
        folder = self._options.folder
        folder.mkdir(parents=True, exist_ok=True)
        self.model = save_model(folder, model, classes).model
        self._say(f"Wrote {self.model}")
        boards = int(number(question, "boards"))
        return {"adopted": self._adopt(project, head, boards)}

    def _adopt(self, project: Project, head: SoftmaxRegression, boards: int) -> bool:
        """Makes the head the project's own, where it is for the same classes."""
        if set(head.labels or []) != set(project.classes):
            self._say(
                "The project keeps its own head: it has no photos of "
                f"{listed(sorted(set(head.labels or []) - set(project.classes)))}."
            )
            return False
        project.take_head(head, f"take the head of a fleet of {counted(boards, 'board')}")
        self._say(
            "The project has the head of the fleet now; `coral-learn project undo` undoes it."
        )
        return True
