"""A model whose classes are added, removed and renamed over time; every change can be undone."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
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
from ..files import write_atomically
from ..heads.softmax_regression import SoftmaxRegression
from ..jobs.saved_model import save_model
from ..progress import Progress
from ..tflite.embedding import read_embedding
from ..tflite.file import ModelFile, ModelSource
from ..tflite.normalization import NormalizationLike, parse_normalization
from . import state
from .state import ProjectState, ProjectSummary
from .store import ProjectStore
from .unknown_range import embeddings_of, extract_with_each, measure_embeddings

_VALIDATION_FRACTION = 0.2
_PASSING_FRACTION = 0.95  # of the correct answers have at least the probability of the threshold
_SEED = 0


class Project:
    """A folder with an embedding extractor, the embeddings of photos, and a head trained on them.

    The photos themselves are not kept and are not needed again. Every change trains the head on the
    kept embeddings, and is saved completely or not at all; :meth:`undo` undoes it. Several
    processes can use one project: each change waits for the one before it.

    Attributes:
        path: The folder of the project.
        notes: Facts to tell the user about the changes so far, such as the input range that was
            measured.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Opens a project.

        Raises:
            ValueError: The folder contains no project, or a newer version wrote it.
        """
        self.path = Path(path)
        self.notes: list[str] = []
        self._store = ProjectStore(self.path)
        self._store.read_states()

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        extractor: ModelSource,
        *,
        normalization: NormalizationLike | None = None,
    ) -> "Project":
        """Creates a project without classes.

        Args:
            path: The folder of the project, which is created if it does not exist.
            extractor: The embedding extractor, which is copied into the project.
            normalization: How pixels are normalized, as for
                :class:`coral_learn.EmbeddingExtractor`; the copy declares it. By default, where a
                float extractor shows nothing, it is measured as soon as there are two classes.

        Raises:
            ValueError: The folder already contains a project, or the normalization is invalid.
            ModelError: The extractor cannot be used.
            OSError: The folder cannot be written.
        """
        model = ModelFile.open(extractor)
        read_embedding(model)  # rejects other models before anything is written
        if normalization is not None:
            model = model.with_normalization(parse_normalization(normalization))
        store = ProjectStore(Path(path))
        _check_is_free(store)
        store.make_folder()
        with store.locked():
            _check_is_free(store)  # another process may have been faster
            write_atomically(store.extractor, model.content)
            store.write_states([ProjectState("create")])
        return cls(path)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the model's outputs."""
        return list(self.step.classes)

    @property
    def step(self) -> ProjectState:
        """The current state, which the last change made."""
        return self._store.read_states()[-1]

    @property
    def history(self) -> list[str]:
        """A description of each change, oldest first."""
        return self.summary.history

    @property
    def summary(self) -> ProjectSummary:
        """The classes, the accuracy and the history, all read at one moment."""
        return ProjectSummary.of_states(self.path, self._store.read_states())

    def to_json(self) -> dict[str, Any]:
        """Returns :attr:`summary` as plain types."""
        return self.summary.to_json()

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
            name: The name of the new class.
            photos: Photos of the class, at least one.
            device: See :class:`coral_learn.EmbeddingExtractor`.
            cache: The cache with the embeddings of photos seen before.
            progress: See :meth:`coral_learn.EmbeddingExtractor.extract`.
            on_error: See :meth:`coral_learn.EmbeddingExtractor.extract`. By default the first photo
                that cannot be read is an error.

        Raises:
            ValueError: The project has a class of this name, or no photo can be read.
            EdgeTpuError: The device failed.
            OSError: The project cannot be written.
        """
        state.check_new_class(self.step, name)  # before the long work, and again afterwards
        embeddings = self._extract(photos, device, cache, progress, on_error)
        with self._changing() as history:
            file = self._store.save_embeddings(embeddings)
            self._train_and_save(history, state.add_class(history[-1], name, file, len(embeddings)))

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
        """Adds photos to a class; the arguments and errors are those of :meth:`add_class`.

        Raises:
            ValueError: The project has no such class, or no photo can be read.
        """
        state.class_index(self.step, name)  # before the long work, and again afterwards
        embeddings = self._extract(photos, device, cache, progress, on_error)
        with self._changing() as history:
            file = self._store.save_embeddings(embeddings)
            self._train_and_save(
                history, state.add_photos(history[-1], name, file, len(embeddings))
            )

    def remove_class(self, name: str) -> None:
        """Removes a class and its embeddings.

        Raises:
            ValueError: The project has no such class.
            OSError: The project cannot be written.
        """
        with self._changing() as history:
            self._train_and_save(history, state.remove_class(history[-1], name))

    def rename_class(self, name: str, new_name: str) -> None:
        """Renames a class, without training.

        Raises:
            ValueError: The project has no class ``name``, or already has a class ``new_name``.
            OSError: The project cannot be written.
        """
        with self._changing() as history:
            renamed = state.rename_class(history[-1], name, new_name)
            self._store.write_states([*history, renamed])

    def undo(self) -> str:
        """Undoes the last change, and returns its description.

        Raises:
            ValueError: There is no change to undo.
            OSError: The project cannot be written.
        """
        with self._changing() as history:
            if len(history) == 1:
                raise ValueError(f"{self.path} has no change to undo")
            self._store.write_states(history[:-1])
            return history[-1].what

    def serialize_model(self) -> bytes:
        """Returns the retrained model, with its labels.

        Raises:
            ValueError: The project has fewer than two classes.
        """
        return self._make_model()[0].content

    def export(self, output: str | os.PathLike[str]) -> Path:
        """Writes the model and ``label_map.txt`` into a folder.

        Args:
            output: The folder, which is created if it does not exist.

        Returns:
            The path of the model.

        Raises:
            ValueError: The project has fewer than two classes.
            OSError: The folder cannot be written.
        """
        model, classes = self._make_model()
        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        return save_model(folder, model, classes).model

    def _make_model(self) -> tuple[ModelFile, list[str]]:
        """Returns the retrained model and the names of its classes."""
        with self._store.locked(shared=True):  # so that no change removes the head meanwhile
            current = self.step
            if current.head is None:
                found = f"only one class ({current.classes[0]})" if current.classes else "no class"
                raise ValueError(
                    f"{self.path} has {found}, but a model needs at least two. "
                    "Add classes with `coral-learn project add`."
                )
            head = self._store.load_head(current.head)
        head.labels = current.classes
        return head.to_model(self._store.extractor), current.classes

    def _extract(
        self,
        photos: Iterable[ImageSource],
        device: str | None,
        cache: EmbeddingCache | None,
        progress: bool | Progress,
        on_error: OnError | None,
    ) -> Embeddings:
        model = ModelFile.open(self._store.extractor)
        if model.has_unknown_range:
            embeddings = extract_with_each(
                model,
                list(photos),
                device=device,
                cache=cache,
                progress=progress,
                on_error=on_error,
            )
        else:
            with EmbeddingExtractor(model, device=device, cache=cache) as extractor:
                embeddings = extractor.extract(photos, progress=progress, on_error=on_error)
        if not len(embeddings):
            raise ValueError("none of the photos can be read. Give at least one readable photo.")
        return embeddings

    @contextmanager
    def _changing(self) -> Iterator[list[ProjectState]]:
        """Yields the states, oldest first, and keeps other processes from changing them."""
        with self._store.locked():
            try:
                yield self._store.read_states()
            finally:
                with suppress(OSError, ValueError):  # the next change tries again
                    self._store.remove_unused_files()

    def _train_and_save(self, history: list[ProjectState], changed: ProjectState) -> None:
        """Trains the head of a changed state, and saves the state as the current one."""
        if len(changed.classes) > 1:
            changed = self._train(changed)
        self._store.write_states([*history, changed])

    def _train(self, untrained: ProjectState) -> ProjectState:
        model = ModelFile.open(self._store.extractor)
        if model.has_unknown_range:
            measured = measure_embeddings(*self._store.load_embeddings(untrained))
            self.notes.append(measured.note)
            model = model.with_normalization(measured.normalization)
            write_atomically(self._store.extractor, model.content)
        embeddings, labels = self._store.load_embeddings(
            untrained, lambda part: embeddings_of(model, part)
        )
        accuracy, threshold = _validate(embeddings, labels, len(untrained.classes))
        head = _fit(embeddings, labels, len(untrained.classes))
        file = self._store.save_head(head)
        return replace(untrained, head=file, accuracy=accuracy, threshold=threshold)


def _check_is_free(store: ProjectStore) -> None:
    if store.exists():
        raise ValueError(f"{store.path} already contains a project. Choose another folder.")


def _validate(
    embeddings: Embeddings, labels: NDArray[np.int64], classes: int
) -> tuple[float | None, float]:
    """Returns the accuracy and the threshold of a head that is trained on part of the photos."""
    split = split_by_class(labels, 0, _VALIDATION_FRACTION, _SEED)
    if not len(split.test):
        return None, 0.0
    validation_head = _fit(embeddings[split.train], labels[split.train], classes)
    scores = validation_head.predict_proba(embeddings[split.test])
    correct = scores.argmax(axis=1) == labels[split.test]
    threshold = 0.0
    if correct.any():
        threshold = float(np.quantile(scores[correct].max(axis=1), 1 - _PASSING_FRACTION))
    return float(np.mean(correct)), threshold


def _fit(embeddings: Embeddings, labels: NDArray[np.int64], classes: int) -> SoftmaxRegression:
    head = SoftmaxRegression(embeddings.shape[1], classes, seed=_SEED)
    head.fit(embeddings, labels, seed=_SEED)
    return head
