"""A model whose classes are added, removed and renamed over time; every change can be undone."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..extraction.cache import EmbeddingCache
from ..extraction.images import ImageSource
from ..extraction.photo_rows import OnError, raise_error
from ..files import write_atomically
from ..jobs.saved_model import save_model
from ..progress import Progress
from ..tflite.file import ModelFile, ModelSource
from ..tflite.image_shape import InputSize
from ..tflite.normalization import NormalizationLike
from ..tflite.resize_note import read_view, with_resize
from ..tflite.resizing import Resize
from . import state
from .new_photos import AddedPhotos, embed_photos, find_new_photos, tell_other_classes
from .photo_views import views_of
from .state import ProjectState, ProjectSummary
from .store import ProjectStore


class Project:
    """A folder with an embedding extractor, the embeddings of photos, and a head trained on them.

    The photos themselves are not kept and are not needed again. Every change trains the head on the
    kept embeddings, and is saved completely or not at all; :meth:`undo` undoes it. Several
    processes can use one project: each change waits for the one before it.

    Attributes:
        path: The folder of the project.
        notes: Facts about the extractor that :meth:`create` took and its input range, a sentence
            each.
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
        extractor: ModelSource | None = None,
        *,
        tensor_name: str | None = None,
        input_size: InputSize | None = None,
        normalization: NormalizationLike | None = None,
        resize: Resize | None = None,
    ) -> "Project":
        """Creates a project without classes.

        Args:
            path: The folder of the project, which is created if it does not exist.
            extractor: The embedding extractor, which is copied into the project; None for the
                built-in one, EfficientNet-Lite0. The last layer of a classifier is cut off, and
                :attr:`notes` say where.
            tensor_name: The tensor of ``extractor`` to take as the embedding, as for
                :func:`coral_learn.retrain`, but not "auto".
            input_size: Width and height of the input, or one number for both, for an extractor that
                takes images of any size; None for 224.
            normalization: How pixels are normalized, as for
                :class:`coral_learn.EmbeddingExtractor`; the copy declares it. By default, where a
                float extractor shows nothing, it is measured as soon as there are two classes.
            resize: How photos are resized to the input, as for :func:`coral_learn.retrain`; the
                copy remembers it for all photos that are added.

        Raises:
            ValueError: The folder already contains a project, or the normalization or ``resize`` is
                invalid.
            ModelError: The extractor cannot be used.
            OSError: The folder cannot be written.
        """
        from .new_extractor import prepare_extractor  # rarely needed

        # Rejects other models before anything is written.
        model, notes = prepare_extractor(extractor, tensor_name, input_size, normalization, resize)
        store = ProjectStore(Path(path))
        _check_is_free(store)
        store.make_folder()
        with store.locked():
            _check_is_free(store)  # another process may have been faster
            write_atomically(store.extractor, model.content)
            store.write_states([ProjectState("create")])
        project = cls(path)
        project.notes = notes
        return project

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
    ) -> AddedPhotos:
        """Adds a class.

        Photos are compared by the content of their files: a photo that is given twice is added
        once, and a photo that is in another class is left out, with a warning.

        Args:
            name: The name of the new class.
            photos: Photos of the class, at least one.
            device: See :class:`coral_learn.EmbeddingExtractor`.
            cache: The cache with the embeddings of photos seen before.
            progress: See :meth:`coral_learn.EmbeddingExtractor.extract`.
            on_error: See :meth:`coral_learn.EmbeddingExtractor.extract`. By default the first photo
                that cannot be read is an error.

        Returns:
            How many photos were added, and which were left out.

        Raises:
            ValueError: The project has a class of this name, no photo can be read, or all of them
                are in other classes.
            EdgeTpuError: The device failed.
            OSError: The project cannot be written.
        """
        state.check_new_class(self.step, name)  # before the long work, and again afterwards
        return self._add(state.add_class, name, photos, device, cache, progress, on_error)

    def add_photos(
        self,
        name: str,
        photos: Iterable[ImageSource],
        *,
        device: str | None = None,
        cache: EmbeddingCache | None = None,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> AddedPhotos:
        """Adds photos to a class, as :meth:`add_class` does; photos that it has are left out.

        Raises:
            ValueError: The project has no such class, no photo can be read, or all of them are in
                other classes.
        """
        state.class_index(self.step, name)  # before the long work, and again afterwards
        return self._add(state.add_photos, name, photos, device, cache, progress, on_error)

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
                found = (
                    f"only one class ({current.classes[0]!r})" if current.classes else "no class"
                )
                raise ValueError(
                    f"{self.path} has {found}, but a model needs at least two. "
                    "Add classes with `coral-learn project add`."
                )
            head = self._store.load_head(current.head)
        head.labels = current.classes
        extractor = ModelFile.open(self._store.extractor)
        return head.to_model(with_resize(extractor, read_view(extractor))), current.classes

    def _add(
        self,
        change: Callable[[ProjectState, str, str, int], ProjectState],
        name: str,
        photos: Iterable[ImageSource],
        device: str | None,
        cache: EmbeddingCache | None,
        progress: bool | Progress,
        on_error: OnError | None,
    ) -> AddedPhotos:
        """Adds the photos that the project does not have to a class, by a change of its state."""
        photos, found = embed_photos(
            ModelFile.open(self._store.extractor),
            photos,
            device=device,
            cache=cache,
            progress=progress,
            on_error=on_error or raise_error,
        )
        with self._changing() as history:
            rows, added = find_new_photos(
                found.digests, self._store.load_digests(history[-1]), name
            )
            if added.in_other_classes:
                index = found.kept[added.in_other_classes[0][0]]
                example = photos[index] if isinstance(photos, Sequence) else f"photo {index}"
                tell_other_classes(added, name, str(example))
            if rows:
                digests = [found.digests[row] for row in rows]
                file = self._store.save_embeddings(found.rows[rows], digests)
                self._train_and_save(history, change(history[-1], name, file, len(rows)))
        return added

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
        from .training import train_and_validate  # not needed to show or undo

        rows, labels = self._load_embeddings(untrained)
        views = views_of(ModelFile.open(self._store.extractor))
        trained = train_and_validate(rows, labels, len(untrained.classes), len(views))
        return replace(
            untrained,
            head=self._store.save_head(trained.head),
            accuracy=trained.accuracy,
            threshold=trained.threshold,
            tested=trained.tested,
        )

    def _load_embeddings(self, untrained: ProjectState) -> tuple[Embeddings, NDArray[np.int64]]:
        """Returns the rows of all photos and their labels; measures an unknown input range."""
        model = ModelFile.open(self._store.extractor)
        if not model.has_float_input:
            return self._store.load_embeddings(untrained)
        from .unknown_range import embeddings_of, measure_embeddings  # rarely needed

        if model.has_unknown_range:
            measured = measure_embeddings(*self._store.load_embeddings(untrained))
            self.notes.append(measured.note)
            model = model.with_normalization(measured.normalization)
            write_atomically(self._store.extractor, model.content)
        return self._store.load_embeddings(untrained, lambda part: embeddings_of(model, part))


def _check_is_free(store: ProjectStore) -> None:
    if store.exists():
        raise ValueError(f"{store.path} already contains a project. Choose another folder.")
