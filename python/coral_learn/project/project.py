"""Living with a model: a folder that keeps what was learned, so that classes come and go later."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import split_by_class
from ..embeddings import Embeddings
from ..extraction.cache import EmbeddingCache
from ..extraction.extractor import EmbeddingExtractor
from ..extraction.images import ImageSource
from ..extraction.photo_rows import OnError
from ..files import write_atomically, write_together
from ..heads.softmax_regression import SoftmaxRegression
from ..labels import check_label, format_labels
from ..progress import Progress
from ..tflite.cut import read_embedding
from ..tflite.file import ModelSource, is_compiled, read_model_content

_FORMAT_VERSION = 1
_INDEX_NAME = "project.json"
_LOCK_NAME = "lock"
_PARTS_NAME = "parts"
_VALIDATION_FRACTION = 0.2
_RIGHT_ANSWERS_KEPT = 0.95
_SEED = 0


@dataclass(frozen=True)
class Photos:
    """Photos that were added together: the file of their embeddings, and the class of each row."""

    file: str
    labels: list[int]


@dataclass(frozen=True)
class Step:
    """The state of a project after a change.

    Attributes:
        what: The change, in words.
        classes: The names of the classes.
        photos: All photos of the classes.
        head: The file of the trained head; None with fewer than two classes.
        accuracy: Fraction right on held-out photos; None where there were none.
        threshold: The probability under which an answer is better taken for "I don't know": 95% of
            the right answers on held-out photos were surer.
    """

    what: str
    classes: list[str] = field(default_factory=list)
    photos: list[Photos] = field(default_factory=list)
    head: str | None = None
    accuracy: float | None = None
    threshold: float = 0.0

    def count(self, name: str) -> int:
        """Returns the number of photos of a class."""
        index = self.classes.index(name)
        return sum(part.labels.count(index) for part in self.photos)


class Project:
    """A model and what it learned from: embeddings of its photos, head, labels and history.

    The photos themselves are not kept, and not needed again. Every change retrains the head on the
    kept embeddings and is saved whole or not at all; :meth:`undo` takes it back. Several processes
    can use one project: their changes follow each other.

    Attributes:
        path: The project's folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Opens a project.

        Raises:
            ValueError: There is none in the folder, or a newer version wrote it.
        """
        self.path = Path(path)
        self._read_steps()

    @classmethod
    def create(cls, path: str | os.PathLike[str], extractor: ModelSource) -> "Project":
        """Starts a project without classes.

        Args:
            path: Its folder, made where it is missing.
            extractor: The embedding extractor, which is copied into the project.

        Raises:
            ValueError: There is a project in the folder already.
            ModelError: The extractor cannot be used.
            OSError: The folder cannot be written.
        """
        content = read_model_content(extractor)
        read_embedding(content)  # refuses what is no extractor, before anything is written
        folder = Path(path)
        if (folder / _INDEX_NAME).exists():
            raise ValueError(f"there is a project in {folder} already")
        (folder / _PARTS_NAME).mkdir(parents=True, exist_ok=True)
        with _locked(folder, for_all=False):
            if (folder / _INDEX_NAME).exists():  # another process was faster
                raise ValueError(f"there is a project in {folder} already")
            write_atomically(folder / "extractor.tflite", content)
            _write_steps(folder, [Step("create")])
        return cls(folder)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the model's outputs."""
        return list(self.step.classes)

    @property
    def step(self) -> Step:
        """The present state."""
        return self._read_steps()[-1]

    @property
    def history(self) -> list[str]:
        """The changes so far, in words, the oldest first."""
        return [step.what for step in self._read_steps()]

    def to_json(self) -> dict[str, Any]:
        """Returns the state as plain types, as ``coral-learn project show --json`` prints it."""
        step = self.step
        return {
            "path": str(self.path),
            "classes": [{"name": name, "photos": step.count(name)} for name in step.classes],
            "accuracy": step.accuracy,
            "threshold": step.threshold,
            "history": self.history,
        }

    def add_class(
        self,
        name: str,
        photos: Iterable[ImageSource],
        *,
        device: str | None = None,
        cache: EmbeddingCache | None = None,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> None:
        """Adds a class.

        Args:
            name: Its name, which is new.
            photos: Photos of it, at least one.
            device: As for :class:`coral_learn.EmbeddingExtractor`.
            cache: Where embeddings of photos seen before are kept.
            progress: As for :meth:`coral_learn.EmbeddingExtractor.extract`.
            on_error: Likewise; by default the first photo that cannot be read is an error.

        Raises:
            ValueError: There is a class of that name, or no photo could be read.
            EdgeTpuError: The device failed.
            OSError: The project cannot be written.
        """
        _check_new(self.step, name)  # before the long work, and again when others must wait
        embeddings = self._extract(photos, device, cache, progress, on_error)
        with self._changing() as (steps, step):
            _check_new(step, name)
            added = Photos(self._save(embeddings), [len(step.classes)] * len(embeddings))
            self._append(
                steps,
                replace(
                    step,
                    what=f"add class {name} ({len(embeddings)} photos)",
                    classes=[*step.classes, name],
                    photos=[*step.photos, added],
                ),
            )

    def add_photos(
        self,
        name: str,
        photos: Iterable[ImageSource],
        *,
        device: str | None = None,
        cache: EmbeddingCache | None = None,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> None:
        """Adds photos to a class; the arguments and errors are those of :meth:`add_class`."""
        _index(self.step, name)  # before the long work, and again when others must wait
        embeddings = self._extract(photos, device, cache, progress, on_error)
        with self._changing() as (steps, step):
            index = _index(step, name)
            added = Photos(self._save(embeddings), [index] * len(embeddings))
            what = f"add {len(embeddings)} photos to {name}"
            self._append(steps, replace(step, what=what, photos=[*step.photos, added]))

    def remove_class(self, name: str) -> None:
        """Removes a class and what was learned of it.

        Raises:
            ValueError: There is no such class.
            OSError: The project cannot be written.
        """
        with self._changing() as (steps, step):
            index = _index(step, name)
            kept = [_without(part, index) for part in step.photos]
            self._append(
                steps,
                replace(
                    step,
                    what=f"remove class {name}",
                    classes=[known for known in step.classes if known != name],
                    photos=[part for part in kept if any(label >= 0 for label in part.labels)],
                ),
            )

    def rename_class(self, name: str, new_name: str) -> None:
        """Renames a class; nothing is trained.

        Raises:
            ValueError: There is no class ``name``, or there is a class ``new_name``.
            OSError: The project cannot be written.
        """
        with self._changing() as (steps, step):
            index = _index(step, name)
            _check_new(step, new_name)
            classes = [*step.classes[:index], new_name, *step.classes[index + 1 :]]
            renamed = replace(step, what=f"rename {name} to {new_name}", classes=classes)
            _write_steps(self.path, [*steps, renamed])

    def undo(self) -> str:
        """Takes the last change back, and returns what it was.

        Raises:
            ValueError: There is nothing to take back.
            OSError: The project cannot be written.
        """
        with self._changing() as (steps, step):
            if len(steps) == 1:
                raise ValueError("there is no change to take back")
            _write_steps(self.path, steps[:-1])
            return step.what

    def serialize_model(self) -> bytes:
        """Returns the retrained model, with its labels.

        Raises:
            ValueError: The project has fewer than two classes.
        """
        return self._serialize()[0]

    def export(self, output: str | os.PathLike[str]) -> Path:
        """Writes the model and ``label_map.txt`` into a folder; returns the model's path.

        Raises:
            ValueError: The project has fewer than two classes.
            OSError: The folder cannot be written.
        """
        model, classes = self._serialize()
        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"retrained_model{'_edgetpu' if is_compiled(model) else ''}.tflite"
        labels = format_labels(classes).encode()
        write_together({path: model, folder / "label_map.txt": labels})
        return path

    def _serialize(self) -> tuple[bytes, list[str]]:
        """Returns the retrained model and the names of its classes."""
        with _locked(self.path, for_all=True):  # so that no change removes the head meanwhile
            step = self.step
            if step.head is None:
                count = f"{len(step.classes)} class{'es' * (len(step.classes) != 1)}"
                raise ValueError(f"{self.path} has {count}: two are needed")
            head = SoftmaxRegression.load(self.path / _PARTS_NAME / step.head)
        head.labels = step.classes
        return head.serialize_model(self.path / "extractor.tflite"), step.classes

    def _extract(
        self,
        photos: Iterable[ImageSource],
        device: str | None,
        cache: EmbeddingCache | None,
        progress: bool | Progress,
        on_error: OnError | None,
    ) -> Embeddings:
        extractor = self.path / "extractor.tflite"
        with EmbeddingExtractor(extractor, device=device, cache=cache) as eye:
            embeddings = eye.extract(photos, progress=progress, on_error=on_error)
        if not len(embeddings):
            raise ValueError("there is no photo that could be read")
        return embeddings

    @contextmanager
    def _changing(self) -> Iterator[tuple[list[Step], Step]]:
        """Keeps other processes from the project meanwhile; gives its steps."""
        with _locked(self.path, for_all=False):
            steps = self._read_steps()
            try:
                yield steps, steps[-1]
            finally:
                with suppress(OSError, ValueError):  # the next change tries again
                    self._remove_unused_parts()

    def _remove_unused_parts(self) -> None:
        """Removes what is left of changes that were taken back, failed, or killed midway."""
        steps = self._read_steps()
        used = {part.file for step in steps for part in step.photos} | {step.head for step in steps}
        for path in (self.path / _PARTS_NAME).iterdir():
            if path.name not in used:
                path.unlink()

    def _append(self, steps: list[Step], step: Step) -> None:
        """Trains the head of a step and saves it as the present one."""
        trained = replace(step, head=None, accuracy=None, threshold=0.0)
        if len(step.classes) > 1:
            trained = self._train(trained)
        _write_steps(self.path, [*steps, trained])

    def _train(self, step: Step) -> Step:
        embeddings, labels = self._load(step)
        split = split_by_class(labels, 0, _VALIDATION_FRACTION, _SEED)
        accuracy, threshold = None, 0.0
        if len(split.test):
            judge = _fit(embeddings[split.train], labels[split.train], len(step.classes))
            scores = judge.predict_proba(embeddings[split.test])
            right = scores.argmax(axis=1) == labels[split.test]
            accuracy = float(np.mean(right))
            if right.any():
                threshold = float(np.quantile(scores[right].max(axis=1), 1 - _RIGHT_ANSWERS_KEPT))
        head = _fit(embeddings, labels, len(step.classes))
        name = _new_name("head")
        head.save(self.path / _PARTS_NAME / name)
        return replace(step, head=name, accuracy=accuracy, threshold=threshold)

    def _load(self, step: Step) -> tuple[Embeddings, NDArray[np.int64]]:
        parts = [
            (Embeddings.load(self.path / _PARTS_NAME / part.file), np.array(part.labels))
            for part in step.photos
        ]
        for part, (rows, labels) in zip(step.photos, parts, strict=True):
            if len(rows) != len(labels):
                path = self.path / _PARTS_NAME / part.file
                raise ValueError(f"{path} is damaged: it has {len(rows)} rows, not {len(labels)}")
        embeddings = [rows[labels >= 0] for rows, labels in parts]
        return Embeddings.concatenate(embeddings), np.concatenate(
            [labels[labels >= 0] for _, labels in parts]
        )

    def _save(self, embeddings: Embeddings) -> str:
        name = _new_name("embeddings")
        embeddings.save(self.path / _PARTS_NAME / name)
        return name

    def _read_steps(self) -> list[Step]:
        index = self.path / _INDEX_NAME
        try:
            content = json.loads(index.read_text(encoding="utf-8"))
            if content["version"] != _FORMAT_VERSION:
                raise ValueError(f"its version is {content['version']}, not {_FORMAT_VERSION}")
            steps = [
                Step(**{**step, "photos": [Photos(**part) for part in step["photos"]]})
                for step in content["steps"]
            ]
            if not steps or not all(map(_is_sound, steps)):
                raise ValueError("it is damaged")
            return steps
        except FileNotFoundError:
            raise ValueError(f"there is no project in {self.path}") from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{index} is not a project of this version: {error}") from error


def _write_steps(folder: Path, steps: Sequence[Step]) -> None:
    content = {"version": _FORMAT_VERSION, "steps": [asdict(step) for step in steps]}
    write_atomically(folder / _INDEX_NAME, json.dumps(content).encode())


@contextmanager
def _locked(folder: Path, *, for_all: bool) -> Iterator[None]:
    """Keeps other processes from changing a project; those that only read may share it."""
    path = folder / _LOCK_NAME
    with path.open("r" if for_all and path.exists() else "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH if for_all else fcntl.LOCK_EX)
        yield


def _is_sound(step: Any) -> bool:
    """Tells whether a step that was read is of the types that its class says."""
    known = range(-1, len(step.classes))
    return (
        all(isinstance(name, str) for name in (step.what, *step.classes))
        and all(_is_name(part.file) for part in step.photos)
        and all(
            isinstance(label, int) and label in known for p in step.photos for label in p.labels
        )
        and (step.head is None or _is_name(step.head))
        and isinstance(step.accuracy, float | int | None)
        and isinstance(step.threshold, float | int)
    )


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and Path(name).name == name


def _fit(embeddings: Embeddings, labels: NDArray[np.int64], classes: int) -> SoftmaxRegression:
    head = SoftmaxRegression(embeddings.shape[1], classes, seed=_SEED)
    head.fit(embeddings, labels, seed=_SEED)
    return head


def _without(part: Photos, index: int) -> Photos:
    """Returns the part with one class taken out: its rows have the label -1."""
    labels = [-1 if label == index else label - (label > index) for label in part.labels]
    return Photos(part.file, labels)


def _index(step: Step, name: str) -> int:
    if name not in step.classes:
        known = ", ".join(step.classes) or "none so far"
        raise ValueError(f"there is no class {name!r}; the classes are: {known}")
    return step.classes.index(name)


def _check_new(step: Step, name: str) -> None:
    if name in step.classes:
        raise ValueError(f"there is a class {name!r} already")
    check_label(name)


def _new_name(kind: str) -> str:
    return f"{kind}-{os.urandom(8).hex()}.npz"
